#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| fuzz::journal(content));
