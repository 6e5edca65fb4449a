//! What the launches of a training step ask of a graphics card: enough waves to fill it, and, where Mesa's driver for
//! AMD's cards (RADV) is installed, what its compiler makes of each shader. No card is needed: RADV compiles for any.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ash::vk;
use gpu_mnist::checks::shaders::launched;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::kernels::tiles::TileProfile;
use naga::back::spv;
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use super::shaders::{name_of, validated};
use crate::support::{adapter_or_skip, settings};

/// A launch of the tiles for graphics cards.
#[derive(Clone, Serialize, Deserialize)]
struct Launched {
    name: String,
    workgroups: u32,
    invocations: u32,
    /// Whether each binding is the uniform buffer.
    bindings: Vec<bool>,
    spirv: Vec<u32>,
}

impl Launched {
    /// Waves of 64 invocations.
    fn waves(&self) -> u32 {
        self.workgroups * self.invocations.div_ceil(64)
    }

    /// Whether it computes half a million numbers or more at a batch of 256: products and sums of partial products.
    fn is_large(&self) -> bool {
        let computes = ["linear_relu", "convolve", "convolution_sum_weight"];
        computes.iter().any(|name| self.name.starts_with(name)) && !self.name.contains("mask_grad")
    }
}

/// The launches of a step of the reference network with these tiles; `None` without an adapter to record them on.
fn launches(test: &str, tiles: TileProfile) -> Option<Vec<Launched>> {
    let device = adapter_or_skip(test)?;
    let config = settings(&[]);
    let network = network(&config.model);
    let shaders = pollster::block_on(launched(&device, &config, &network, &[tiles]));
    let launches = shaders.expect("shaders").into_iter().flat_map(|shader| {
        let (module, info) = validated(&shader.path, &shader.text);
        let spirv = spv::write_vec(&module, &info, &spv::Options::default(), None);
        let spirv = spirv.expect("SPIR-V");
        let name = name_of(&shader.path).to_string();
        let lines = shader.text.lines();
        let headers = lines.filter_map(|line| line.strip_prefix("// launched as "));
        let launches: Vec<Launched> = headers
            .map(|header| {
                let (grid, bindings) = header.split_once(": ").expect("bindings");
                let (workgroups, size) = grid.split_once(" workgroups of ").expect("a size");
                let product = |sides: &str| {
                    let sides = sides.split('x').map(|side| side.parse::<u32>());
                    sides.map(|side| side.expect("a number")).product()
                };
                Launched {
                    name: name.clone(),
                    workgroups: product(workgroups),
                    invocations: product(size),
                    bindings: bindings
                        .split(", ")
                        .map(|name| name.contains(" uniform ("))
                        .collect(),
                    spirv: spirv.clone(),
                }
            })
            .collect();
        launches
    });
    Some(launches.collect())
}

#[test]
fn launches_fill_a_card() {
    for (tiles, least) in [(TileProfile::Hardware, 512), (TileProfile::Integrated, 64)] {
        let Some(launches) = launches("launches_fill_a_card", tiles) else {
            return;
        };
        let large: Vec<&Launched> = launches.iter().filter(|launch| launch.is_large()).collect();
        assert!(large.len() >= 10, "{}", large.len());
        for launch in large {
            let waves = launch.waves();
            assert!(waves >= least, "{} has {waves} waves", launch.name);
        }
    }
}

/// RADV's file of the loader.
const DRIVER: &str = "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json";

#[test]
fn no_shader_spills_on_cards_of_amd() {
    let test = "no_shader_spills_on_cards_of_amd";
    if !Path::new(DRIVER).exists() {
        eprintln!("{test}: skipped, RADV is not installed");
        return;
    }
    for tiles in [TileProfile::Hardware, TileProfile::Integrated] {
        let Some(launches) = launches(test, tiles) else {
            return;
        };
        let folder = tempdir().expect("a folder");
        let written = serde_json::to_vec(&launches).expect("launches");
        std::fs::write(folder.path().join("launches.json"), written).expect("a file");
        for family in ["navi21", "vega10"] {
            // The loader reads which driver and which family when it starts: in a process of its own.
            let output = Command::new(std::env::current_exe().expect("the tests"))
                .args([
                    "kernels::registers::table_of_a_family",
                    "--exact",
                    "--ignored",
                ])
                .arg("--nocapture")
                .env("RADV_FORCE_FAMILY", family)
                .envs([("VK_DRIVER_FILES", DRIVER), ("VK_ICD_FILENAMES", DRIVER)])
                .env("GPU_MNIST_LAUNCHES", folder.path())
                .output()
                .expect("a child");
            let (text, errors) = (&output.stdout, &output.stderr);
            let text = String::from_utf8_lossy(text);
            let rows = text.lines().filter(|line| line.starts_with("| "));
            let (rows, errors) = (rows.count(), String::from_utf8_lossy(errors));
            println!("{family}, {}\n{text}", tiles.name());
            assert!(output.status.success() && rows > 20, "{family}: {errors}");
        }
    }
}

/// Prints a row a launch.
#[test]
#[ignore = "run by no_shader_spills_on_cards_of_amd"]
fn table_of_a_family() {
    let folder = std::env::var("GPU_MNIST_LAUNCHES").expect("launches to compile");
    let read = std::fs::read(Path::new(&folder).join("launches.json")).expect("launches");
    let launches: Vec<Launched> = serde_json::from_slice(&read).expect("launches");
    let compiler = Compiler::new();
    let columns = [
        "launch",
        "workgroups x invocations",
        "waves",
        "registers",
        "memory",
        "waves a SIMD",
    ];
    println!("\n| {} |", columns.join(" | "));
    println!("{}|", "|---".repeat(columns.len()));
    let mut printed = BTreeSet::new();
    for launch in launches {
        if !printed.insert((launch.name.clone(), launch.workgroups)) {
            continue;
        }
        let statistics = compiler.compile(&launch);
        let of = |name: &str| statistics.get(name).copied().unwrap_or(0);
        println!(
            "| {} | {} x {} | {} | {} | {} | {} |",
            launch.name,
            launch.workgroups,
            launch.invocations,
            launch.waves(),
            of("VGPRs"),
            of("LDS size"),
            of("Subgroups per SIMD"),
        );
        for name in ["Spilled SGPRs", "Spilled VGPRs", "Scratch size"] {
            assert_eq!(of(name), 0, "{}: {name}", launch.name);
        }
        // Where two waves or fewer are left on a SIMD, nothing hides a load.
        let is_crowded = of("Subgroups per SIMD") <= 2 && of("VGPRs") > 64;
        assert!(!is_crowded, "{}: {} registers", launch.name, of("VGPRs"));
    }
}

/// A Vulkan device that only compiles.
struct Compiler {
    device: ash::Device,
    statistics: ash::khr::pipeline_executable_properties::Device,
    /// Unloaded last.
    _loader: ash::Entry,
}

impl Compiler {
    fn new() -> Self {
        // Safety: what the driver is given lives through the calls, and nothing is destroyed before the process ends.
        unsafe {
            let loader = ash::Entry::load().expect("a loader");
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_2);
            let information = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = loader.create_instance(&information, None);
            let instance = instance.expect("an instance");
            let cards = instance.enumerate_physical_devices().expect("cards");
            let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
            let extensions = [ash::khr::pipeline_executable_properties::NAME.as_ptr()];
            let mut wanted = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
                .pipeline_executable_info(true);
            let information = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_extension_names(&extensions)
                .push_next(&mut wanted);
            let device = instance.create_device(cards[0], &information, None);
            let device = device.expect("a device");
            Self {
                statistics: ash::khr::pipeline_executable_properties::Device::new(
                    &instance, &device,
                ),
                device,
                _loader: loader,
            }
        }
    }

    /// What the compiler says of a launch's shader, by name.
    fn compile(&self, launch: &Launched) -> BTreeMap<String, u64> {
        let bindings: Vec<_> = (0..)
            .zip(&launch.bindings)
            .map(|(at, is_uniform)| {
                let kind = match is_uniform {
                    true => vk::DescriptorType::UNIFORM_BUFFER,
                    false => vk::DescriptorType::STORAGE_BUFFER,
                };
                vk::DescriptorSetLayoutBinding::default()
                    .binding(at)
                    .descriptor_type(kind)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // Safety: as in `new`.
        unsafe {
            let code = vk::ShaderModuleCreateInfo::default().code(&launch.spirv);
            let module = self.device.create_shader_module(&code, None);
            let layout = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let layout = self.device.create_descriptor_set_layout(&layout, None);
            let layouts = [layout.expect("a layout")];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&layouts);
            let layout = self.device.create_pipeline_layout(&layout, None);
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module.expect("a module"))
                .name(c"main");
            let pipeline = vk::ComputePipelineCreateInfo::default()
                .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
                .stage(stage)
                .layout(layout.expect("a layout"));
            let cache = vk::PipelineCache::null();
            let pipelines = self
                .device
                .create_compute_pipelines(cache, &[pipeline], None);
            let pipeline = pipelines.expect("a pipeline")[0];
            let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            let found = self
                .statistics
                .get_pipeline_executable_statistics(&executable);
            found.expect("statistics").iter().map(named).collect()
        }
    }
}

fn named(statistic: &vk::PipelineExecutableStatisticKHR<'_>) -> (String, u64) {
    // Safety: RADV's numbers are u64.
    let value = unsafe { statistic.value.u64 };
    let name = statistic.name_as_c_str().expect("a name");
    (name.to_string_lossy().into_owned(), value)
}
