//! A checkpoint from the bytes of its file, every one of them checked.

use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use super::{Checkpoint, Counts, EPOCH_COLUMNS, FORMAT, OLDEST_VERSION, VERSION};
use crate::model::ParameterShape;
use crate::runs::weights::{Description, checksum, from_pytorch, pytorch_dims};
use crate::training::history::EpochRecord;
use crate::training::state::{
    Averaged, Best, ParameterState, Parameters, Position, Snapshot, Sums,
};

/// Steps, images or epochs of a year of training are fewer.
const MOST_COUNT: u64 = 1 << 40;

/// # Errors
/// What is wrong with them.
pub(super) fn decode(bytes: &[u8]) -> Result<Checkpoint, String> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| format!("not a whole safetensors file ({error})"))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let version = metadata
        .get("format")
        .and_then(|format| format.strip_prefix(FORMAT))
        .and_then(|version| version.parse::<u32>().ok())
        .ok_or("not a checkpoint that gpu-mnist wrote")?;
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        let program = metadata.get("program").map_or("?", String::as_str);
        return Err(format!(
            "a checkpoint of format {version}, written by gpu-mnist {program}; this one ({}) reads format {VERSION}",
            env!("CARGO_PKG_VERSION")
        ));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    if checksum::fits(&metadata, &file).map_err(|error| error.to_string())? != Some(true) {
        return Err("damaged: its checksum does not fit its contents".into());
    }
    let text = |key: &str| {
        metadata
            .get(key)
            .ok_or_else(|| format!("'{key}' is missing"))
    };
    let description: Description = serde_json::from_str(text("description")?)
        .map_err(|error| format!("its description is damaged ({error})"))?;
    let counts: Counts = serde_json::from_str(text("counts")?)
        .map_err(|error| format!("its counts are damaged ({error})"))?;
    description.check()?;
    counts.check()?;
    let reader = Reader {
        file,
        shapes: description.network().parameters(),
    };
    let snapshot = reader.snapshot(counts)?;
    Ok(Checkpoint {
        snapshot,
        settings: text("settings")?.clone(),
        device: text("device")?.clone(),
        description,
    })
}

impl Counts {
    /// Counts of a training that has been, so that going on from them cannot overflow.
    fn check(&self) -> Result<(), String> {
        let Position {
            epoch,
            images,
            step,
        } = self.position;
        let times = self.optimizer.iter().flatten().map(|(_, time)| *time);
        let largest = [epoch, images, step, self.images, self.epoch_images]
            .into_iter()
            .chain(self.averaged_updates)
            .chain(self.best_epoch)
            .chain(times)
            .max();
        match epoch > 0 && largest.is_some_and(|count| count as u64 <= MOST_COUNT) {
            true => Ok(()),
            false => Err("its counts are damaged (no training can have them)".into()),
        }
    }
}

struct Reader<'a> {
    file: SafeTensors<'a>,
    shapes: Vec<ParameterShape>,
}

impl Reader<'_> {
    fn snapshot(&self, counts: Counts) -> Result<Snapshot, String> {
        let [loss, correct, seconds] = self.numbers("epoch.sums")?[..] else {
            return Err("'epoch.sums' has the wrong length".into());
        };
        let averaged = match counts.averaged_updates {
            None => None,
            Some(updates) => Some(Averaged {
                parameters: self.parameters("averaged")?,
                updates,
            }),
        };
        let best = match counts.best_epoch {
            None => None,
            Some(epoch) => {
                let [accuracy, loss] = self.numbers("best.validation")?[..] else {
                    return Err("'best.validation' has the wrong length".into());
                };
                Some(Best {
                    epoch,
                    loss,
                    accuracy,
                    parameters: Arc::new(self.parameters("best")?),
                })
            }
        };
        let optimizer = counts
            .optimizer
            .into_iter()
            .enumerate()
            .map(|(index, state)| state.map(|state| self.state(index, state)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let parameters = self.parameters("model")?;
        if optimizer.len() != parameters.len() {
            return Err("the optimiser's state has the wrong length".into());
        }
        Ok(Snapshot {
            position: counts.position,
            parameters,
            averaged,
            optimizer,
            sums: Sums {
                loss,
                correct,
                images: counts.epoch_images,
                seconds,
            },
            epochs: epoch_records(&self.numbers("history.epochs")?),
            step_seconds: self.numbers("history.step_seconds")?,
            images: counts.images,
            best,
        })
    }

    fn parameters(&self, prefix: &str) -> Result<Parameters, String> {
        (0..self.shapes.len())
            .map(|index| self.parameter(prefix, "", index))
            .collect()
    }

    fn parameter(&self, prefix: &str, suffix: &str, index: usize) -> Result<Vec<f32>, String> {
        let shape = self
            .shapes
            .get(index)
            .ok_or("more states than parameters")?;
        let name = format!("{prefix}.{}{suffix}", shape.name);
        let view = self
            .file
            .tensor(&name)
            .map_err(|_| format!("'{name}' is missing"))?;
        if view.dtype() != Dtype::F32 || view.shape() != pytorch_dims(&shape.dims) {
            return Err(format!("'{name}' has the wrong shape"));
        }
        let numbers = view.data().chunks_exact(4);
        let numbers = numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok(from_pytorch(shape, numbers.collect()))
    }

    fn state(&self, index: usize, (rule, time): (String, usize)) -> Result<ParameterState, String> {
        let shape = self
            .shapes
            .get(index)
            .ok_or("more states than parameters")?;
        let prefix = format!("optimizer.{}.", shape.name);
        let mut slots: Vec<&str> = self
            .file
            .names()
            .into_iter()
            .filter_map(|name| name.strip_prefix(&prefix))
            .collect();
        slots.sort_unstable();
        let tensors = slots
            .into_iter()
            .map(|slot| {
                self.parameter("optimizer", &format!(".{slot}"), index)
                    .map(|values| (slot.to_string(), values))
            })
            .collect::<Result<_, _>>()?;
        Ok(ParameterState {
            rule,
            time,
            tensors,
        })
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let view = self
            .file
            .tensor(name)
            .map_err(|_| format!("'{name}' is missing"))?;
        if view.dtype() != Dtype::F64 {
            return Err(format!("'{name}' is not F64"));
        }
        let numbers = view.data().chunks_exact(8);
        Ok(numbers
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect())
    }
}

fn epoch_records(numbers: &[f64]) -> Vec<EpochRecord> {
    let present = |number: f64| (!number.is_nan()).then_some(number);
    numbers
        .chunks_exact(EPOCH_COLUMNS)
        .map(|row| EpochRecord {
            epoch: row[0] as usize,
            step: row[1] as usize,
            train_loss: row[2],
            train_accuracy: row[3],
            valid_loss: present(row[4]),
            valid_accuracy: present(row[5]),
            seconds: row[6],
        })
        .collect()
}
