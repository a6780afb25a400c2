# crypto is compiled without RTTI, so the check of virtual tables would miss type information.
target_compile_options(test_noise PRIVATE -fno-sanitize=vptr)
