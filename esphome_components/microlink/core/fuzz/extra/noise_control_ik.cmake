# crypto is compiled without RTTI, so the check of virtual tables would miss type information.
target_compile_options(fuzz_noise_control_ik PRIVATE -fno-sanitize=vptr)
