{
  "targets": [
    {
      "target_name": "astarpo_via_cmake",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt", "<!@(node scripts/build-native.mjs --list)"],
          "outputs": ["<(PRODUCT_DIR)/astarpo.node"],
          "action": ["node", "scripts/build-native.mjs", "--to", "<(PRODUCT_DIR)"]
        }
      ]
    }
  ]
}
