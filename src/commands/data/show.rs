//! `gpu-mnist data show`: training images beside distorted ones, as training sees them.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::commands::args::{SeedArgs, SettingsArgs, resolve, set_data_folder};
use crate::commands::completion;
use crate::config::Config;
use crate::data::augment::Augment;
use crate::data::batches::{DeviceSplit, Normalisation, upload_indices};
use crate::data::find::{self, Found};
use crate::data::{ImageSet, Split};
use crate::device::Device;
use crate::files::{unwritten, write_atomically};
use crate::report::sheet::sheet;
use crate::runs::fit::fit;
use crate::terminal::print;
use crate::wording::count;

/// Bytes come out of the kernels as they are.
const BYTES: Normalisation = Normalisation::grey(0.0, 1.0 / 255.0);

#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist data show --config best            as a preset distorts
  gpu-mnist data show --set augment.elastic=4  as one setting does
  gpu-mnist data show ./my-images --rows 3")]
pub struct ShowArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    seed: SeedArgs,
    /// auto, synthetic, a known set (`gpu-mnist data list`), or images of your own
    /// [default: auto]
    #[arg(value_name = "SET|DIR", add = completion::data_sets())]
    images: Option<String>,
    /// The same, as other commands take it
    #[arg(long, value_name = "SET|DIR", add = completion::data_sets(), help_heading = "Data")]
    #[arg(conflicts_with = "images")]
    dataset: Option<String>,
    /// Training images, a row each, of all classes in turn
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Output", allow_negative_numbers = true)]
    rows: u32,
    /// Distorted versions of each: epochs 1 to N of the training
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100), help_heading = "Output", allow_negative_numbers = true)]
    versions: u32,
    /// The PNG file to write
    #[arg(long, value_name = "FILE", default_value = "augmented.png", value_hint = ValueHint::FilePath, help_heading = "Output")]
    out: PathBuf,
}

/// # Errors
/// Settings, data, and files that cannot be written.
pub fn run(args: &ShowArgs, data_dir: Option<&PathBuf>, as_json: bool) -> anyhow::Result<()> {
    let reads = ["seed", "data", "augment"];
    args.settings.only("data show", &reads)?;
    let mut layers = args.settings.layers()?;
    args.seed.apply(&mut layers)?;
    let set = args.images.as_deref().or(args.dataset.as_deref());
    layers.set_flag("data.set", set, "--dataset")?;
    if let Some(folder) = data_dir {
        set_data_folder(&mut layers, folder)?;
    }
    let config = resolve(&layers)?;
    let Found { set, is_idx, .. } = find::find(&config.data, config.seed)?;
    let is_chosen = layers.has_recipe();
    fit(&set, is_idx, &mut layers)?;
    if !is_chosen && layers.has_recipe() {
        let preset = layers.origin("augment.shift");
        tracing::info!("{preset}: as `train` distorts these images where nothing is chosen");
    }
    let config = resolve(&layers)?;
    if !config.augment.distorts() {
        tracing::warn!(
            "these settings distort nothing: try --set augment.elastic=4, or a preset with --config"
        );
    }
    let chosen = one_of_each_class(&set.train, args.rows as usize);
    let versions = versions(&set, &chosen, args.versions as usize, &config);
    let rows: Vec<Vec<&[u8]>> = chosen
        .iter()
        .enumerate()
        .map(|(row, &index)| {
            let original = set.train.image(index as usize).unwrap_or_default();
            let distorted = versions.iter().map(|version| &version[row][..]);
            std::iter::once(original).chain(distorted).collect()
        })
        .collect();
    write_atomically(&args.out, &sheet(set.train.shape, &rows)?).map_err(|error| {
        let what = format!("--out {}", args.out.display());
        unwritten(&what, &error, "name another file")
    })?;
    print(&match as_json {
        true => format!(
            "{}\n",
            json!({"file": args.out, "dataset": set.description.name, "images": chosen, "versions": args.versions})
        ),
        false => format!(
            "{}: {} of {}, each beside {} of it\n",
            args.out.display(),
            count(chosen.len(), "training image"),
            set.description.name,
            count(args.versions, "version")
        ),
    })
}

/// The first images, a class after another and then the next of each, where there are so many.
fn one_of_each_class(split: &Split, count: usize) -> Vec<i32> {
    let mut seen = vec![0; split.classes];
    let mut order: Vec<(usize, u16, i32)> = split
        .labels
        .iter()
        .enumerate()
        .map(|(index, &label)| {
            let before = &mut seen[usize::from(label)];
            *before += 1;
            (*before, label, index as i32)
        })
        .collect();
    order.sort_unstable();
    let indices = order.into_iter().map(|(_, _, index)| index);
    indices.take(count).collect()
}

/// The bytes of the `chosen` images in each of the epochs 1 to `count`, as training on the CPU sees them.
fn versions(set: &ImageSet, chosen: &[i32], count: usize, config: &Config) -> Vec<Vec<Vec<u8>>> {
    let device = Device::cpu();
    let shape = set.train.shape;
    let split =
        DeviceSplit::upload(&set.train, BYTES, &device).with_background(set.description.background);
    // Whatever the length of the training, its first epochs are shown.
    (1..=count)
        .map(|epoch| {
            let indices = upload_indices(chosen, &device);
            let batch = match Augment::in_epoch(config, epoch, usize::MAX) {
                Some(how) => split.gather_augmented(indices, chosen, &how),
                None => split.gather(indices),
            };
            let bytes: Vec<u8> = batch
                .images
                .into_data()
                .iter::<f32>()
                .map(|value| value.round() as u8)
                .collect();
            // Colour comes with a fourth channel of zeros.
            let image = |image: &[u8]| {
                let pixels = image.chunks_exact(shape.device_channels());
                pixels
                    .flat_map(|pixel| pixel[..shape.channels].to_vec())
                    .collect()
            };
            let length = shape.pixels() * shape.device_channels();
            bytes.chunks_exact(length).map(image).collect()
        })
        .collect()
}
