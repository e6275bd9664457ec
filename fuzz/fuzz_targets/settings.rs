#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| fuzz::settings(content));
