# For scripts that build for another target. `standard_library TARGET CRATES` sets the array `build_std` to what cargo
# is to be told: nothing where rustup has installed the target; else to build CRATES from the library's source, as
# Debian's rust-web-src has it, with RUSTC and RUSTC_BOOTSTRAP set to the compiler of that version. Fails where there
# is neither.
standard_library() {
    local target="$1" crates="$2" compiler
    build_std=()
    if compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libstd-*" >/dev/null; then
        return
    fi
    for compiler in rustc /usr/bin/rustc; do
        command -v "$compiler" >/dev/null || continue
        if [ -d "$("$compiler" --print sysroot)/lib/rustlib/src/rust/library" ]; then
            RUSTC="$(command -v "$compiler")"
            export RUSTC RUSTC_BOOTSTRAP=1
            build_std=("-Zbuild-std=$crates")
            return
        fi
    done
    return 1
}
