//! The shaders as text: what they import is there, and what comes out is WGSL.

use std::collections::BTreeSet;
use std::path::Path;

use gpu_mnist::kernels::shader::Shader;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

/// Parses and validates plain WGSL of one entry point, `main`.
fn validated(name: &str, source: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    assert_eq!(module.entry_points.len(), 1, "{name}");
    assert_eq!(module.entry_points[0].name, "main", "{name}");
    (module, info)
}

/// Names (with the folder, without `.wgsl`) and texts of the files of `shaders/` or a folder in it.
fn files(folder: &str) -> Vec<Shader> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders"));
    let entries = std::fs::read_dir(root.join(folder)).expect("a folder of shaders");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| {
            let stem = path.file_stem().expect("a name").to_string_lossy();
            let text = std::fs::read_to_string(&path).expect("text");
            Shader {
                name: format!("{folder}{stem}").leak(),
                text: text.leak(),
            }
        })
        .collect()
}

#[test]
fn naga_accepts_every_shader_as_it_stands() {
    let shaders = files("");
    for shader in &shaders {
        validated(shader.name, &shader.source(&[]));
    }
    assert_eq!(shaders.len(), 38);
}

#[test]
fn every_part_is_imported_and_stands_once() {
    let parts = files("shared/");
    let all = [files(""), parts.clone()].concat();
    let imported: BTreeSet<&str> = all
        .iter()
        .flat_map(|shader| shader.text.lines())
        .filter_map(|line| line.trim_start().strip_prefix("#import "))
        .collect();
    let there: BTreeSet<&str> = parts.iter().map(|part| part.name).collect();
    assert_eq!(imported, there);
    for shader in files("") {
        let source = shader.source(&[]);
        assert!(!source.contains("#import"), "{}", shader.name);
        for part in &parts {
            let first = part.text.lines().next().expect("a line");
            let times = source.lines().filter(|line| *line == first).count();
            assert!(
                times <= 1,
                "{}: {} stands {times} times",
                shader.name,
                part.name
            );
        }
    }
}

#[test]
fn constants_reach_what_is_imported() {
    let text =
        "#import shared/each_invocation\nconst CHANNELS: u32 = 4u;\nconst OTHER: u32 = 2u;\n";
    let shader = Shader {
        name: "a shader",
        text,
    };
    let source = shader.source(&[("CHANNELS", 12), ("INVOCATIONS", 8)]);
    for line in [
        "const CHANNELS: u32 = 12u;",
        "const OTHER: u32 = 2u;",
        "const INVOCATIONS: u32 = 8u;",
    ] {
        assert_eq!(
            source.lines().filter(|found| *found == line).count(),
            1,
            "{line}"
        );
    }
}
