# nibble_room(NAME SOURCES a.cc b.cc DEPENDS base numerics PRIVATE fmt::fmt)
# One static library per room of src/. DEPENDS names other rooms; tools/check_includes.py holds every #include against it.
function(nibble_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(nibble_${name} STATIC ${ROOM_SOURCES})
  list(TRANSFORM ROOM_DEPENDS PREPEND nibble_ OUTPUT_VARIABLE room_libraries)
  target_link_libraries(nibble_${name} PUBLIC nibble_options ${room_libraries} PRIVATE ${ROOM_PRIVATE})
endfunction()

# nibble_test(ROOM SOURCES a_test.cc DEPENDS more rooms): one test program per room.
function(nibble_test room)
  cmake_parse_arguments(TEST "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${room}_test ${TEST_SOURCES})
  list(TRANSFORM TEST_DEPENDS PREPEND nibble_ OUTPUT_VARIABLE test_libraries)
  target_link_libraries(${room}_test PRIVATE nibble_test_support ${test_libraries} GTest::gmock GTest::gtest_main fmt::fmt)
  add_test(NAME ${room} COMMAND ${room}_test)
endfunction()

# nibble_bench(NAME SOURCES a_bench.cc DEPENDS rooms): one Google Benchmark program.
function(nibble_bench name)
  cmake_parse_arguments(BENCH "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_bench ${BENCH_SOURCES})
  list(TRANSFORM BENCH_DEPENDS PREPEND nibble_ OUTPUT_VARIABLE bench_libraries)
  target_link_libraries(${name}_bench PRIVATE nibble_test_support ${bench_libraries} benchmark::benchmark_main fmt::fmt)
endfunction()

# nibble_fuzz(NAME SOURCES a_fuzz.cc DEPENDS rooms): one libFuzzer program; its seeds lie in fuzz/corpus/NAME.
function(nibble_fuzz name)
  cmake_parse_arguments(FUZZ "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_fuzz ${FUZZ_SOURCES})
  list(TRANSFORM FUZZ_DEPENDS PREPEND nibble_ OUTPUT_VARIABLE fuzz_libraries)
  target_link_libraries(${name}_fuzz PRIVATE ${fuzz_libraries})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name}_fuzz)
endfunction()
