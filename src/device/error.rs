//! What can go wrong with a device, told apart by what helps.

use std::fmt;

use crate::exit::{Code, Exit};

/// Why no device could be used, or why one failed; every text says what was found and what to do.
#[derive(thiserror::Error, Debug)]
pub enum DeviceError {
    /// There is none.
    #[error("no GPU adapter found{filter}\n{advice}\nor use --device cpu", advice = driver_advice())]
    NoAdapter {
        /// What was asked for, as part of a sentence.
        filter: String,
    },
    /// There is none of hardware, and software was refused.
    #[error(
        "only software adapters found, and --hardware-only refuses them:\n{found}{advice}\nor use --device cpu",
        advice = driver_advice()
    )]
    OnlySoftware {
        /// The adapters there are.
        found: String,
    },
    /// None is the one asked for.
    #[error(
        "no adapter matches {}; found:\n{found}use a number or a part of a name from this list, or --device cpu",
        asked(wanted)
    )]
    NoMatch {
        /// What was asked for.
        wanted: String,
        /// The adapters there are.
        found: String,
    },
    /// None is the one asked for in a list.
    #[error(
        "--adapters: no adapter matches {wanted}; found:\n{found}use numbers or parts of names from this list, cpu, or all"
    )]
    NotInList {
        /// The number asked for.
        wanted: String,
        /// The adapters there are.
        found: String,
    },
    /// One of wgpu's variables holds what it does not take.
    #[error(
        "{variable}={value}: {word} is not a graphics API; give some of vulkan, dx12, metal and gl, separated by commas, or leave the variable unset"
    )]
    Environment {
        /// Which.
        variable: &'static str,
        /// All that it holds.
        value: String,
        /// What of it is not known.
        word: String,
    },
    /// Its driver refuses.
    #[error(
        "adapter {adapter} could not be opened: {reason}\nupdate its driver, choose another with --adapter, or use --device cpu"
    )]
    Open {
        /// Its name.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The caller ended its work.
    #[error("stopped while {doing}")]
    Stopped {
        /// What it was doing.
        doing: &'static str,
    },
    /// The device failed at its work.
    #[error("device {device} failed while {doing}: {fault}: {reason}\n{advice}", advice = fault.advice())]
    Failed {
        /// Its name.
        device: String,
        /// What it was doing.
        doing: &'static str,
        /// What kind of failure it is.
        fault: Fault,
        /// The driver's words.
        reason: String,
    },
}

impl DeviceError {
    /// What happened to an opened device; `None` when none was opened.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Failed { fault, .. } => Some(*fault),
            _ => None,
        }
    }
}

/// What happened to an opened device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The driver gave the device up; it answers nothing more in this process.
    Lost,
    /// Its memory is full.
    OutOfMemory,
    /// A shader that the driver does not compile.
    Shader,
    /// Work that took longer than the driver allows.
    TimeLimit,
    /// Something else.
    Other,
}

/// Words of wgpu, CubeCL and drivers; the first list with a word in the message names the fault.
const WORDS: &[(Fault, &[&str])] = &[
    (
        Fault::TimeLimit,
        &[
            "timed out",
            "timeout",
            "time limit",
            "device hung",
            "device_hung",
            "watchdog",
        ],
    ),
    (
        Fault::OutOfMemory,
        &[
            "out of memory",
            "out-of-memory",
            "out_of_memory",
            "outofmemory",
            "out of device memory",
            "can't allocate",
            "not enough memory",
        ],
    ),
    (
        Fault::Lost,
        &[
            "device is poisoned",
            "device was poisoned",
            "device was lost",
            "device is lost",
            "device lost",
            "device_lost",
            "devicelost",
            "device_removed",
        ],
    ),
    (
        Fault::Shader,
        &[
            "compilation",
            "refused the",
            "shader",
            "create_compute_pipeline",
        ],
    ),
];

impl Fault {
    /// The fault that a message of a driver or a backend tells of.
    pub fn of(message: &str) -> Self {
        let message = message.to_lowercase();
        WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| message.contains(word)))
            .map_or(Self::Other, |(fault, _)| *fault)
    }

    /// Whether the same work in smaller pieces may pass.
    pub fn smaller_batch_helps(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::TimeLimit)
    }

    /// What a person can try.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Lost => {
                "close other programs that use the card, try a smaller batch (--batch-size, or --set evaluation.batch_size=N where nothing is trained), check the adapter with `gpu-mnist doctor`, update its driver, or use --device cpu"
            }
            Self::OutOfMemory => {
                "try a smaller batch (--batch-size, or --set evaluation.batch_size=N where nothing is trained), close other programs that use the card, choose an adapter with more memory, or use --device cpu"
            }
            Self::Shader => {
                "try --set device.kernels=burn, report the output of `gpu-mnist doctor --report`, update the driver, or use --device cpu"
            }
            Self::TimeLimit => {
                "try a smaller batch (--batch-size, or --set evaluation.batch_size=N where nothing is trained), raise the driver's time limit (TdrDelay on Windows), or use --device cpu"
            }
            Self::Other => {
                "run again, check the adapter with `gpu-mnist doctor`, update the driver, or use --device cpu"
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "the device was lost",
            Self::OutOfMemory => "out of memory",
            Self::Shader => "a shader does not compile",
            Self::TimeLimit => "a step took longer than the driver allows",
            Self::Other => "an error of the driver",
        })
    }
}

/// What to install on this system so that an adapter appears.
pub fn driver_advice() -> &'static str {
    if cfg!(target_os = "linux") {
        "install a Vulkan driver: `apt install mesa-vulkan-drivers libvulkan1` (AMD, Intel, or a software adapter), the NVIDIA driver package for NVIDIA cards; `vulkaninfo --summary` shows what the system sees"
    } else if cfg!(target_os = "windows") {
        "install the graphics driver of your card's maker (it brings DX12 and Vulkan), or Windows updates"
    } else if cfg!(target_os = "macos") {
        "Metal comes with macOS: update the system; virtual machines often have no GPU"
    } else {
        "install a Vulkan driver for your graphics card"
    }
}

impl Exit for DeviceError {
    fn code(&self) -> Code {
        match self {
            Self::Failed { .. } => Code::Failed,
            Self::Stopped { .. } => Code::Interrupted,
            Self::Environment { .. } => Code::Usage,
            _ => Code::Device,
        }
    }
}

/// The name of an adapter as it was given: by wgpu's variable, or by the flag.
fn asked(wanted: &str) -> String {
    match std::env::var("WGPU_ADAPTER_NAME") {
        Ok(name) if name == wanted => format!("WGPU_ADAPTER_NAME={wanted}"),
        _ => format!("--adapter {wanted}"),
    }
}
