# The CUDA plug-in: native/kernels/cuda/*.cu. Compiles and links without a GPU and even against a CPU libtorch, so that every
# machine with nvcc checks it.
file(GLOB CUDA_KERNELS CONFIGURE_DEPENDS native/kernels/cuda/*.cu)
if(NOT CUDA_KERNELS)
  message(WARNING "ASTARPO_CUDA is ON, but native/kernels/cuda has no .cu file")
  return()
endif()

if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 120)  # 120 also as PTX, for what comes later
endif()
enable_language(CUDA)

# Only a CUDA libtorch brings this generated header.
set(CUDA_STUBS "")
if(NOT EXISTS "${LIBTORCH}/include/c10/cuda/impl/cuda_cmake_macros.h")
  set(CUDA_STUBS "${CMAKE_BINARY_DIR}/cuda-stubs/include")
  file(WRITE "${CUDA_STUBS}/c10/cuda/impl/cuda_cmake_macros.h.new" "#pragma once\n#define C10_CUDA_BUILD_SHARED_LIBS\n")
  configure_file("${CUDA_STUBS}/c10/cuda/impl/cuda_cmake_macros.h.new" "${CUDA_STUBS}/c10/cuda/impl/cuda_cmake_macros.h" COPYONLY)
endif()

# Only a CUDA libtorch has libc10_cuda.so. The plug-in must name it (NEEDED), so an empty library of that name stands in at link
# time; it lies in a folder of its own and is never shipped.
find_library(LIBTORCH_c10_cuda c10_cuda PATHS "${LIBTORCH}/lib" NO_DEFAULT_PATH)
if(LIBTORCH_c10_cuda)
  set(C10_CUDA "${LIBTORCH_c10_cuda}")
else()
  file(WRITE "${CMAKE_BINARY_DIR}/cuda-stubs/c10_cuda.c.new" "/* Empty on purpose: gives the linker the name libc10_cuda.so. */\n")
  configure_file("${CMAKE_BINARY_DIR}/cuda-stubs/c10_cuda.c.new" "${CMAKE_BINARY_DIR}/cuda-stubs/c10_cuda.c" COPYONLY)
  add_library(c10_cuda_stub SHARED "${CMAKE_BINARY_DIR}/cuda-stubs/c10_cuda.c")
  set_target_properties(c10_cuda_stub PROPERTIES OUTPUT_NAME c10_cuda LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/cuda-stubs")
  foreach(configuration RELEASE DEBUG RELWITHDEBINFO MINSIZEREL)
    set_target_properties(c10_cuda_stub PROPERTIES LIBRARY_OUTPUT_DIRECTORY_${configuration} "${CMAKE_BINARY_DIR}/cuda-stubs")
  endforeach()
  set(C10_CUDA c10_cuda_stub)
endif()

add_library(astarpo_cuda SHARED ${CUDA_KERNELS})
set_target_properties(astarpo_cuda PROPERTIES
  CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON  # nvcc under CMake 3.25 knows no CUDA20
  CXX_STANDARD 17
  CUDA_RUNTIME_LIBRARY Static
  CUDA_VISIBILITY_PRESET hidden)
target_include_directories(astarpo_cuda PRIVATE ${CMAKE_SOURCE_DIR})
target_include_directories(astarpo_cuda SYSTEM PRIVATE ${CUDA_STUBS})
target_compile_options(astarpo_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--threads=2;-lineinfo;-Xcompiler=-Wall>")
target_link_libraries(astarpo_cuda PRIVATE -Wl,--no-as-needed ${C10_CUDA} -Wl,--as-needed libtorch -Wl,--exclude-libs,ALL)
