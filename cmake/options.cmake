option(NIBBLE_TESTS "Build the tests" ON)
option(NIBBLE_BENCH "Build the benchmarks" OFF)
option(NIBBLE_FUZZ "Build the fuzz targets (clang only)" OFF)
option(NIBBLE_WERROR "Treat warnings as errors" ON)
set(NIBBLE_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(NIBBLE_CCACHE ccache)
if(NIBBLE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NIBBLE_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

add_library(nibble_options INTERFACE)
target_include_directories(nibble_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(nibble_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  # A fused multiply-add rounds once where the formula rounds twice: bytes of a checkpoint must not depend on the compiler's choice.
  -ffp-contract=off
  $<$<BOOL:${NIBBLE_WERROR}>:-Werror>)
target_link_libraries(nibble_options INTERFACE Threads::Threads)
if(NIBBLE_SANITIZE)
  target_compile_options(nibble_options INTERFACE -fsanitize=${NIBBLE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nibble_options INTERFACE -fsanitize=${NIBBLE_SANITIZE})
endif()
