# The module is compiled without RTTI, so the check of virtual tables would miss type information.
target_compile_options(test_crypto PRIVATE -fno-sanitize=vptr)

# Branches and indices on secrets, found by valgrind. It brings its own memory checks, so it does not go with sanitizers.
if(NOT MICROLINK_SANITIZE AND NOT MICROLINK_M32 AND NOT MICROLINK_FUZZ)
  find_program(VALGRIND valgrind REQUIRED)
  add_executable(constant_time_crypto tests/crypto/constant_time/main.cpp ${sources})
  target_include_directories(constant_time_crypto PRIVATE src include)
  target_compile_definitions(constant_time_crypto PRIVATE MICROLINK_CONSTANT_TIME_TEST)
  target_compile_options(constant_time_crypto PRIVATE ${MICROLINK_CORE_FLAGS})
  target_include_directories(constant_time_crypto SYSTEM PRIVATE ${SODIUM_INCLUDE})
  target_link_libraries(constant_time_crypto PRIVATE microlink_base ${SODIUM_LIBRARY})
  set(MEMCHECK ${VALGRIND} --quiet --error-exitcode=9 --track-origins=no $<TARGET_FILE:constant_time_crypto>)
  add_test(NAME constant_time_crypto COMMAND ${MEMCHECK})
  foreach(leak branch index)
    add_test(NAME constant_time_crypto_finds_${leak} COMMAND ${MEMCHECK} ${leak})
    set_tests_properties(constant_time_crypto_finds_${leak} PROPERTIES PASS_REGULAR_EXPRESSION "uninitialised value")
  endforeach()
endif()
