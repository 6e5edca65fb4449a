#![no_main]

#[path = "../../tests/suite/hostile/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::picture(data));
