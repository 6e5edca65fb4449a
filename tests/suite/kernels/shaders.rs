//! The shaders as text: what they import is there, and what comes out is WGSL.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use gpu_mnist::checks::shaders::launched;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::shader::Shader;
use gpu_mnist::kernels::tiles::TileProfile;
use naga::back::{glsl, hlsl, spv};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use predicates::str::contains;
use tempfile::tempdir;

use crate::support::{EVERY_LAYER, adapter_or_skip, program, settings};

/// Parses and validates plain WGSL of one entry point, `main`.
pub fn validated(name: &str, source: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    let capabilities = match uses_subgroups(source) {
        true => Capabilities::SUBGROUP,
        false => Capabilities::empty(),
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
    assert_eq!(module.entry_points.len(), 1, "{name}");
    assert_eq!(module.entry_points[0].name, "main", "{name}");
    (module, info)
}

/// That of the shader in `PROFILE/NN-NAME.wgsl`.
pub fn name_of(path: &str) -> &str {
    let (_, file) = path.rsplit_once('/').expect("a profile");
    let (_, name) = file.split_once('-').expect("a number and a name");
    name.trim_end_matches(".wgsl")
}

fn uses_subgroups(source: &str) -> bool {
    source.contains("subgroup_invocation_id")
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
    assert_eq!(shaders.len(), 59);
}

/// Browsers refuse a number above the largest of 32 bits, though it rounds to it; naga takes it.
#[test]
fn every_number_fits_into_32_bits() {
    for shader in [files(""), files("shared/")].concat() {
        let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
        let words = shader.text.split(|letter| !part(letter));
        for word in words.filter(|word| word.starts_with(|first: char| first.is_ascii_digit())) {
            let number = word.trim_end_matches(['f', 'u']).parse::<f64>();
            let is_larger = number.is_ok_and(|number| number > f64::from(f32::MAX));
            assert!(!is_larger, "{}: {word}", shader.name);
        }
    }
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

/// In which languages so many shaders were written, and by which programs they were accepted.
#[derive(Default)]
struct Translated(BTreeMap<&'static str, usize>);

impl Translated {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// Has a program read a shader, where it is installed.
    fn accepted(&mut self, name: &str, program: &'static str, file: &str, shader: &[u8]) {
        let folder = tempdir().expect("a folder");
        std::fs::write(folder.path().join(file), shader).expect("a file");
        let mut command = Command::new(program);
        command.current_dir(&folder).arg(file);
        if program == MSL {
            // naga has MSL in this build only where wgpu is built for Metal.
            command.args(["shader.metal", "--metal-version", "2.0"]);
        }
        match command.output() {
            Ok(output) => {
                let says = [output.stdout, output.stderr]
                    .map(|text| String::from_utf8_lossy(&text).into_owned())
                    .concat();
                assert!(output.status.success(), "{name}, by {program}: {says}");
                self.count(program);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("{program}: {error}"),
        }
    }

    /// Says how many there were of each, and what was not asked.
    fn tell(&self, shaders: usize) {
        let counts: Vec<String> = (self.0.iter())
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        let mut said = format!("of {shaders} shaders: {}\n", counts.join(", "));
        for program in PROGRAMS {
            match self.0.get(program) {
                Some(&count) => assert_eq!(count, shaders, "{program}"),
                None => said += &format!("SKIPPED (shaders): {program} is not installed\n"),
            }
        }
        let _ = std::io::stderr().write_all(said.as_bytes());
    }
}

/// Translates to MSL.
const MSL: &str = "naga";
/// What is asked about every shader, where it is installed.
const PROGRAMS: [&str; 3] = ["glslangValidator", MSL, "spirv-val"];
/// Long unrolled loops are what the older compiler of DX12 takes minutes for.
const MOST_HLSL: usize = 64 << 10;

fn translate(name: &str, text: &str, into: &mut Translated) {
    let (module, info) = &validated(name, text);
    // Only adapters whose API has them launch these, and older ones have not.
    let in_subgroups = uses_subgroups(text);
    into.accepted(name, MSL, "shader.wgsl", text.as_bytes());
    let options = spv::Options {
        lang_version: if in_subgroups { (1, 3) } else { (1, 0) },
        ..spv::Options::default()
    };
    let words = spv::write_vec(module, info, &options, None)
        .unwrap_or_else(|error| panic!("{name} as SPIR-V: {error}"));
    assert_eq!(words[0], 0x0723_0203, "{name}");
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    into.count("SPIR-V");
    into.accepted(name, "spirv-val", "shader.spv", &bytes);

    let options = hlsl::Options {
        shader_model: match in_subgroups {
            true => hlsl::ShaderModel::V6_0,
            false => hlsl::ShaderModel::V5_1,
        },
        fake_missing_bindings: true,
        ..hlsl::Options::default()
    };
    let mut text = String::new();
    let pipeline = hlsl::PipelineOptions::default();
    hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(module, info, None)
        .unwrap_or_else(|error| panic!("{name} as HLSL: {error}"));
    assert!(text.contains("numthreads"), "{name}");
    assert!(text.len() < MOST_HLSL, "{name}: {} bytes", text.len());
    into.count(match in_subgroups {
        true => "HLSL 6.0",
        false => "HLSL 5.1",
    });

    let options = glsl::Options {
        version: glsl::Version::new_gles(310),
        ..glsl::Options::default()
    };
    let pipeline = glsl::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let mut text = String::new();
    glsl::Writer::new(
        &mut text,
        module,
        info,
        &options,
        &pipeline,
        BoundsCheckPolicies::default(),
    )
    .and_then(|mut writer| writer.write())
    .unwrap_or_else(|error| panic!("{name} as GLSL: {error}"));
    assert!(text.starts_with("#version 310 es"), "{name}");
    into.count("GLSL ES 3.10");
    into.accepted(name, "glslangValidator", "shader.comp", text.as_bytes());
}

/// Networks whose launches cover every shader but the gradient of a grey image, which no network trains: the reference,
/// every kind of layer, distorted images, weights of classes, Muon with averaged weights and clipped gradients; distorted images of which each step is
/// launched anew; and convolutions too large for shaders without a loop.
#[test]
fn what_networks_launch_is_wgsl_that_every_api_takes() {
    let test = "what_networks_launch_is_wgsl_that_every_api_takes";
    let Some(device) = adapter_or_skip(test) else {
        return;
    };
    let mut names = BTreeSet::new();
    let mut translated = Translated::default();
    let mut count = 0;
    for assignments in [
        &[][..],
        &[EVERY_LAYER, "training.batch_size=12"],
        &["augment.elastic=4", "training.class_weights=balanced"],
        &[
            "training.optimizer=muon",
            "training.ema_decay=0.9",
            "training.clip_norm=1",
        ],
        &[
            "model.layers=[{linear=12},{dropout=0.5}]",
            "augment.elastic=4",
        ],
        &[
            "model.layers=[{convolution=44,kernel=7,pool=2},{convolution=60,kernel=3,pool=2}]",
            "training.batch_size=4",
        ],
    ] {
        let config = settings(assignments);
        let network = network(&config.model);
        let profiles: Vec<TileProfile> = TileProfile::every().collect();
        let shaders = pollster::block_on(launched(&device, &config, &network, &profiles));
        let shaders = shaders.expect("shaders");
        for profile in profiles {
            let folder = format!("{}/", profile.name());
            assert!(
                shaders
                    .iter()
                    .any(|shader| shader.path.starts_with(&folder))
            );
        }
        for shader in shaders {
            translate(&shader.path, &shader.text, &mut translated);
            count += 1;
            names.insert(name_of(&shader.path).to_string());
        }
    }
    translated.tell(count);
    let all: BTreeSet<String> = files("").iter().map(|shader| shader.name.into()).collect();
    assert!(names.is_subset(&all), "{names:?}");
    let rest: Vec<&String> = all.difference(&names).collect();
    assert_eq!(rest, ["convolve_pool_relu_grad_input_single_channel"]);
}

#[test]
fn recording_launches_nothing_and_ends() {
    let Some(device) = adapter_or_skip("recording_launches_nothing_and_ends") else {
        return;
    };
    let config = settings(&["training.batch_size=8"]);
    let shaders = |device: &Device| {
        let network = network(&config.model);
        let shaders = launched(device, &config, &network, &TileProfile::ALL);
        let shaders = pollster::block_on(shaders);
        let shaders = shaders.expect("shaders");
        let paths = shaders.into_iter().map(|shader| shader.path);
        paths.collect::<Vec<_>>()
    };
    assert_eq!(shaders(&device), shaders(&device));
    assert_eq!(shaders(&Device::cpu()), Vec::<String>::new());
}

#[test]
fn doctor_writes_the_shaders_and_refuses_the_cpu() {
    let home = tempdir().expect("a folder");
    let folder = home.path().join("shaders");
    let doctor = |device: &str| {
        let mut command = program(home.path());
        command.args([
            "doctor",
            "--set",
            "training.batch_size=4",
            "--device",
            device,
        ]);
        command.arg("--shaders").arg(&folder).assert()
    };
    doctor("cpu")
        .failure()
        .stderr(contains("the CPU launches no shader"));
    assert!(!folder.exists());
    if adapter_or_skip("doctor_writes_the_shaders_and_refuses_the_cpu").is_some() {
        doctor("gpu").success().stdout(contains("shaders in"));
        let paths = std::fs::read_dir(folder.join("software")).expect("a folder");
        let mut paths = paths.map(|entry| entry.expect("an entry").path());
        let takes = |path: &PathBuf| path.to_string_lossy().ends_with("-take_batch.wgsl");
        let taking = paths.find(takes).expect("a step takes images");
        let text = std::fs::read_to_string(taking).expect("a shader");
        assert!(
            text.starts_with("// take_batch IMAGE_WORDS=196\n// launched as "),
            "{text}"
        );
        validated("take_batch", &text);
    }
}
