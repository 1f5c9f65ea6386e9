/** Keys of PEFT's LoraConfig that are built here, and what they are called. */
export const peftNames: ReadonlyMap<string, string> = new Map([
  ['r', 'rank'],
  ['lora_alpha', 'alpha'],
  ['lora_dropout', 'dropout'],
  ['target_modules', 'targetModules'],
  ['exclude_modules', 'excludeModules'],
  ['layers_to_transform', 'layers'],
  ['rank_pattern', 'rankPattern'],
  ['alpha_pattern', 'alphaPattern'],
  ['use_rslora', 'useRslora'],
]);

/** Keys that change what is computed, trained or stored, and that are not built: values other than "off" are refused. */
export const unsupportedPeftNames: ReadonlySet<string> = new Set([
  ...['use_dora', 'bias', 'modules_to_save', 'lora_bias', 'layer_replication', 'trainable_token_indices', 'target_parameters'],
  ...['init_lora_weights', 'fan_in_fan_out', 'megatron_config', 'loftq_config', 'eva_config', 'corda_config', 'lora_ga_config'],
  ...['velora_config', 'kasa_config', 'monteclora_config', 'arrow_config', 'alora_invocation_tokens', 'use_qalora', 'use_bdlora'],
  ...['ensure_weight_tying', 'layers_pattern'],
]);
