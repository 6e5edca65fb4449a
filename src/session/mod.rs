//! What a host without files does with the core: one device, one data set, one network at a time.
//! The page in `web/` is such a host; nothing here knows a browser.

mod answers;
mod network;
mod training;
mod words;

use serde::{Deserialize, Serialize};

use crate::config::{
    Api, Architecture, Config, ConfigError, DeviceConfig, DeviceKind, Layers, PRESETS,
};
use crate::data::image_set::digits;
use crate::data::split::{Division, divide};
use crate::data::synthetic::CLASSES;
use crate::data::synthetic::{self, TEST_IMAGES, TRAIN_IMAGES};
use crate::data::test_split::TestSplit;
use crate::data::{ImageSet, memory};
use crate::device::{self, Adapter, Device};
use crate::kernels::Kernels;
pub use answers::{Cell, CellImage, DrawingRead, Prediction};
pub use network::LoadedWeights;
use network::Network;
pub use training::{EpochMessage, ProgressMessage, Trained};
pub use words::SessionError;

/// The state between two requests.
#[derive(Default)]
pub struct Session {
    device: Option<Device>,
    data: Option<Data>,
    network: Option<Network>,
    checked: Vec<Checked>,
}

/// What the checks of the device found.
struct Checked {
    network: Architecture,
    kernels: Kernels,
    found: Result<(), Vec<String>>,
    /// Why its steps are not replayed right.
    replays: Result<(), Vec<String>>,
}

/// The data set at hand.
struct Data {
    dataset: ImageSet,
    /// Which of the built-in digits these are; `None`: other images.
    drawn: Option<Drawn>,
}

/// Some of the 60,000 built-in training digits.
struct Drawn {
    /// Their places among all of them.
    digits: Vec<usize>,
    /// To train on; the others can be held out.
    images: usize,
}

/// How the command line divides the 60,000 built-in digits.
fn divide_digits(config: &Config, limit: usize, validation: usize) -> Division {
    let labels = synthetic::labels(config.seed, 0, TRAIN_IMAGES);
    let seed = config.data.split_seed(config.seed);
    divide(&labels, CLASSES, validation, limit, seed)
}

/// What the host knows of WebGPU, and the core cannot ask.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Whether there is any WebGPU.
    pub webgpu: bool,
    /// Whether the page came over a connection that browsers allow WebGPU on.
    pub secure: bool,
    /// The adapter in the host's words, where wgpu has none.
    pub adapter: String,
    /// The same of its driver.
    pub driver: String,
}

/// An opened device and what can be trained on it.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// What was opened.
    pub device: DeviceWords,
    /// What a person must know of the device.
    pub note: Option<String>,
    /// What can be trained.
    pub presets: Vec<PresetWords>,
}

/// A device, as the page names it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceWords {
    /// `gpu` or `cpu`.
    pub kind: String,
    /// What it is called.
    pub name: String,
    /// Its API.
    pub api: String,
    /// wgpu's word for the kind of adapter.
    pub adapter_type: String,
    /// Its driver.
    pub driver: String,
}

/// A preset, as the page offers it.
#[derive(Debug, Serialize)]
pub struct PresetWords {
    /// What `--config` calls it.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// What it sets.
    pub defaults: PresetDefaults,
}

/// What a preset sets of what the page lets a person choose.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PresetDefaults {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a step.
    pub batch_size: usize,
    /// The highest.
    pub learning_rate: f64,
    /// The set it is meant for.
    pub dataset: String,
    /// Whose operations compute.
    pub kernels: Kernels,
}

/// How many images a data set has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataWords {
    /// What the set is called.
    pub name: String,
    /// Images to train on.
    pub train: usize,
    /// Images that validate.
    pub validation: usize,
    /// Images that test.
    pub test: usize,
    /// One a class.
    pub class_names: Vec<String>,
    /// What a person must know of it.
    pub warning: Option<String>,
}

impl Session {
    /// Opens a device in place of the one before, and forgets the network.
    ///
    /// # Errors
    /// [`SessionError`] where there is no such device, or its driver refuses.
    pub async fn open(
        &mut self,
        kind: DeviceKind,
        kernels: Kernels,
        host: &Host,
    ) -> Result<Opened, SessionError> {
        let mut found = match kind {
            DeviceKind::Cpu => Vec::new(),
            _ => device::find(Api::Any).await,
        };
        for adapter in &mut found {
            name(adapter, host);
        }
        let asked = DeviceConfig {
            kind,
            adapter: String::new(),
            api: Api::Any,
            hardware_only: false,
            check: true,
            kernels,
            replay: true,
        };
        if kind == DeviceKind::Gpu && found.is_empty() {
            return Err(SessionError(words::no_adapter(host)));
        }
        let software = found.first().map(|adapter| adapter.info.to_string());
        let choice = device::choose_from(found, &asked)?;
        let (opened, note) = match choice.adapter {
            Some(adapter) => {
                let note = adapter
                    .info
                    .is_software()
                    .then(|| format!("{}: a software adapter; the CPU is faster", adapter.info));
                (Device::open(adapter).await?, note)
            }
            None => (
                Device::cpu(),
                match (kind, software) {
                    (DeviceKind::Cpu, _) => None,
                    (_, Some(found)) => Some(format!(
                        "{found}: a software adapter, slower than the CPU, which computes instead"
                    )),
                    (_, None) => Some(format!("{}; the CPU computes", words::no_adapter(host))),
                },
            ),
        };
        let info = opened.info.clone();
        self.device = Some(opened.with_kernels(kernels));
        self.network = None;
        self.checked.clear();
        Ok(Opened {
            device: DeviceWords {
                kind: info.kind,
                name: info.name,
                api: info.api,
                adapter_type: info.adapter_type,
                driver: info.driver,
            },
            note,
            presets: presets()?,
        })
    }

    /// Draws built-in digits: the first `images` that the command line trains on, and its
    /// validation and test images.
    ///
    /// # Errors
    /// [`SessionError`] where there are not so many.
    pub fn built_in(&mut self, images: usize) -> Result<DataWords, SessionError> {
        let defaults = Layers::default().resolve()?;
        // Those behind are the validation images of the command line, which never trains on them.
        let most = TRAIN_IMAGES - defaults.data.validation_size;
        if !(1..=most).contains(&images) {
            return Err(SessionError(format!(
                "{images} built-in digits: choose between 1 and {most}"
            )));
        }
        let seed = defaults.seed;
        let of_all = divide_digits(&defaults, images, defaults.data.validation_size);
        let drawn = [of_all.train, of_all.valid].concat();
        let train = synthetic::draw_at(seed, 0, TRAIN_IMAGES, &drawn);
        let test = TestSplit::new(synthetic::draw(seed, 1, TEST_IMAGES));
        let mut dataset = ImageSet::new(digits("synthetic"), train, test);
        // That of a part would call the whole another set.
        dataset.description.fingerprint = String::new();
        Ok(self.take(
            dataset,
            Some(Drawn {
                digits: drawn,
                images,
            }),
            None,
            &defaults,
        ))
    }

    /// Takes the four IDX files of a data set; `name` is that of a known set, whose published
    /// files they must then be, or any other.
    ///
    /// # Errors
    /// [`SessionError`] names the file and its fault.
    pub fn files(
        &mut self,
        name: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<DataWords, SessionError> {
        let defaults = Layers::default().resolve()?;
        let loaded = memory::load(name, files)?;
        let notes = loaded.notes.join("; ");
        let warning = (!notes.is_empty()).then(|| format!("{name}: {notes}"));
        Ok(self.take(loaded.set, None, warning, &defaults))
    }

    fn take(
        &mut self,
        dataset: ImageSet,
        drawn: Option<Drawn>,
        warning: Option<String>,
        defaults: &Config,
    ) -> DataWords {
        let all = dataset.train.len();
        // As many as training holds out, which is a tenth of a small set.
        let validation = match &drawn {
            Some(drawn) => all - drawn.images,
            None => defaults.data.validation_size.min(all / 10),
        };
        let words = DataWords {
            name: dataset.description.name.clone(),
            train: all - validation,
            validation,
            test: dataset.test.len(),
            class_names: dataset.description.class_names.clone(),
            warning,
        };
        // Its answers are about other images.
        if let Some(network) = &mut self.network {
            network.answers = None;
        }
        self.data = Some(Data { dataset, drawn });
        words
    }

    fn device(&self) -> Result<&Device, SessionError> {
        self.device
            .as_ref()
            .ok_or_else(|| SessionError("no device is open: open one first".into()))
    }

    fn data(&self) -> Result<&Data, SessionError> {
        self.data
            .as_ref()
            .ok_or_else(|| SessionError("no images are at hand: load a data set first".into()))
    }

    fn network(&self) -> Result<&Network, SessionError> {
        self.network.as_ref().ok_or_else(|| {
            SessionError("there is no network yet: train one, or load weights".into())
        })
    }
}

/// Has an adapter bear the host's names for it.
fn name(adapter: &mut Adapter, host: &Host) {
    if !host.adapter.is_empty() {
        adapter.info.name.clone_from(&host.adapter);
        if crate::device::adapters::is_software(&host.adapter) {
            adapter.info.adapter_type = "software".into();
        }
    }
    if !host.driver.is_empty() {
        adapter.info.driver.clone_from(&host.driver);
    }
}

fn presets() -> Result<Vec<PresetWords>, ConfigError> {
    let words = |&(name, text): &(&'static str, &'static str)| {
        let mut layers = Layers::default();
        layers.preset(name)?;
        let config = layers.resolve()?;
        Ok(PresetWords {
            name,
            purpose: purpose(text),
            defaults: PresetDefaults {
                epochs: config.training.epochs,
                batch_size: config.training.batch_size,
                learning_rate: config.training.learning_rate,
                dataset: config.data.set,
                kernels: config.device.kernels,
            },
        })
    };
    PRESETS.iter().map(words).collect()
}

/// The first sentence of a preset's opening comment.
fn purpose(text: &str) -> String {
    let comment: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .collect();
    let comment = comment.join(" ");
    match comment.find(". ") {
        _ if comment.is_empty() => "The settings that everything else differs from.".into(),
        Some(end) => comment[..=end].into(),
        None => comment,
    }
}
