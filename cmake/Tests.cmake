# One executable per tests/native/*_test.cc. A test whose name starts with `kernels` or `ops` links the kernels and the tensor
# operations alone; any other links every room. None links Node. `ctest` runs them.
find_package(GTest)
if(NOT GTest_FOUND)
  add_custom_target(astarpo_tests)
  message(WARNING "GoogleTest was not found: the C++ tests are NOT built (on Debian and Ubuntu: apt-get install libgtest-dev)")
  return()
endif()
enable_testing()

# An executable must resolve GOMP_* at link time: to the libgomp that libtorch brings, by its own name, so that there is one.
file(GLOB LIBTORCH_OPENMP "${LIBTORCH}/lib/libgomp*.so*" "${LIBTORCH}/../torch.libs/libgomp*.so*")
if(NOT LIBTORCH_OPENMP)
  set(LIBTORCH_OPENMP gomp)
endif()

# EXCLUDE_FROM_ALL: built by the target astarpo_tests (or by name), not by everyone who wants the addon.
add_custom_target(astarpo_tests)
file(GLOB TESTS CONFIGURE_DEPENDS tests/native/*_test.cc)
foreach(source ${TESTS})
  get_filename_component(name ${source} NAME_WE)
  if(name MATCHES "^(kernels|ops)")
    add_executable(${name} EXCLUDE_FROM_ALL ${source} ${ASTARPO_KERNEL_OBJECTS})
  else()
    add_executable(${name} EXCLUDE_FROM_ALL ${source} ${ASTARPO_OBJECTS})
  endif()
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${ASTARPO_ROOM_OPTIONS})
  target_compile_definitions(${name} PRIVATE ASTARPO_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/golden")
  target_link_libraries(${name} PRIVATE libtorch ${LIBTORCH_OPENMP} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "${LIBTORCH}/lib"
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests" RUNTIME_OUTPUT_DIRECTORY_RELEASE "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
  add_dependencies(astarpo_tests ${name})
endforeach()
