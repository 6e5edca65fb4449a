//! What several subjects need: the adapter or a visible skip, tiny data sets, settings.

use std::io::Write;
use std::ops::Deref;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::Command;
use gpu_mnist::config::{Api, Config, DeviceConfig, DeviceKind, Layers};
use gpu_mnist::data::Split;
use gpu_mnist::data::batches::Normalisation;
use gpu_mnist::data::idx::{self, Part};
use gpu_mnist::data::image_set::digits;
use gpu_mnist::data::synthetic;
use gpu_mnist::device::{self, Device};
use gpu_mnist::runs::weights::Description;
use gpu_mnist::training::state::Snapshot;
use tempfile::{TempDir, tempdir};

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Adapters that were opened and that no test holds.
static IDLE: Mutex<Vec<Device>> = Mutex::new(Vec::new());

/// An opened adapter that no other test holds; the next one takes it over. The threads of an opened adapter look for
/// work until the process ends, so one for each test would slow down all that come after.
pub struct Lent(Device);

impl Deref for Lent {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What a failed test leaves behind may be broken.
        if !std::thread::panicking() {
            IDLE.lock().expect("unpoisoned").push(self.0.clone());
        }
    }
}

/// The machine's adapter, hardware or software; without one the test is named as skipped, with
/// a running count, past the capture of the test runner. `REQUIRE_GPU=1` makes that a failure.
pub fn adapter_or_skip(test: &str) -> Option<Lent> {
    let idle = IDLE.lock().expect("unpoisoned").pop();
    if let Some(device) = idle {
        device.use_fastest(&[]);
        return Some(Lent(device));
    }
    let config = DeviceConfig {
        kind: DeviceKind::Gpu,
        adapter: String::new(),
        api: Api::Any,
        hardware_only: false,
        check: true,
        kernels: gpu_mnist::kernels::Kernels::Fused,
        replay: true,
    };
    match device::choose(&config).and_then(device::Choice::open) {
        Ok(device) => Some(Lent(device)),
        Err(error) => {
            assert!(
                std::env::var_os("REQUIRE_GPU").is_none_or(|value| value != "1"),
                "REQUIRE_GPU=1, but {test} has no adapter: {error}"
            );
            let count = SKIPPED.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED (adapter tests so far: {count}) {test}: {error}"
            );
            None
        }
    }
}

/// A small network with every kind of layer, and one whose pictures are flattened instead of
/// averaged.
pub const EVERY_LAYER: &str = "model.layers=[\
    {convolution=4,kernel=3,padding=1,norm='batch'},\
    {convolution=4,kernel=3,padding=1,norm='batch',residual=true},\
    {convolution=8,kernel=3,stride=2,padding=1},\
    {convolution=8,kernel=3,padding=1,pool=2,norm='batch'},\
    {convolution=8,kernel=3,padding=1,residual=true},\
    {convolution=12,kernel=2,padding=1,pool=2},\
    {pool='average'},{linear=13}]";
pub const EVERY_LAYER_FLAT: &str = "model.layers=[\
    {convolution=5,kernel=4,stride=3,padding=2,norm='batch'},\
    {convolution=5,kernel=1,residual=true},\
    {convolution=6,kernel=3,padding=1,pool=2},{linear=9},{linear=11}]";

/// Default settings with `--set` assignments.
pub fn settings(assignments: &[&str]) -> Config {
    let mut layers = Layers::default();
    for assignment in assignments {
        layers.assign(assignment).expect("a known setting");
    }
    layers.resolve().expect("settings in range")
}

/// The state before the first step of a training on built-in digits.
pub fn initial(config: &Config) -> Snapshot {
    Snapshot::initial(&synthetic::network(&config.model), config.seed)
}

/// What weights of a network for built-in digits are for.
pub fn description(config: &Config, normalisation: Normalisation) -> Description {
    Description {
        model: config.model.clone(),
        normalisation,
        set: digits("synthetic"),
        familiarity: None,
    }
}

/// Labels as the bytes of a file.
pub fn narrow(split: &Split) -> Vec<u8> {
    split.labels.iter().map(|&label| label as u8).collect()
}

/// Writes built-in digits as the four files of a data set.
pub fn write_dataset(folder: &Path, train: usize, test: usize) {
    for (stream, part, count) in [(0, Part::Train, train), (1, Part::Test, test)] {
        let split = synthetic::draw(7, stream, count);
        idx::write_split(folder, part, &split).expect("written");
    }
}

/// A folder with 600 digits to train on and 100 to test, as the four files of a set in `digits/`.
pub fn home_with_digits() -> TempDir {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 100);
    home
}

/// The program, with `home` in place of the user's folders and current directory.
pub fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-mnist"));
    command
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_RUNTIME_DIR", home)
        // Shaders that Mesa compiled are kept from test to test: that is most of the time.
        .env("MESA_SHADER_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("GPU_MNIST_DATA_DIR")
        .env_remove("WGPU_ADAPTER_NAME")
        .env_remove("WGPU_BACKEND")
        .env_remove("RUST_LOG")
        .env("NO_COLOR", "1")
        .timeout(std::time::Duration::from_secs(600));
    command
}

/// A script of `tests/interop/`, where Python has what it needs (`GPU_MNIST_PYTHON` names another
/// Python); it says what it leaves out, past the capture of the test runner.
pub fn interop(home: &Path, script: &str, arguments: &[&str]) {
    let python = std::env::var("GPU_MNIST_PYTHON").unwrap_or_else(|_| "python3".into());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");
    let output = std::process::Command::new(&python)
        .current_dir(home)
        .arg(Path::new(folder).join(script))
        .args(arguments)
        .output();
    let said = match output {
        Err(error) => format!("SKIPPED (interop): {script}: {python}: {error}\n").into_bytes(),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{script}: {text}");
            output.stdout
        }
    };
    let _ = std::io::stderr().write_all(&said);
}

/// The Rust files in `folder` of `src/`, by their paths below `src/`, with their text.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&root).expect("below").to_string_lossy();
                let text = std::fs::read_to_string(&path).expect("text");
                found.push((name.replace('\\', "/"), text));
            }
        }
    }
    found
}
