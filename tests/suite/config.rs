//! Settings: layers, origins, and errors that name key and origin.

use gpu_mnist::config::{DEFAULT, Layers, Origin, PRESETS, range_of};
use gpu_mnist::data::image_set::{SetDescription, digits};
use gpu_mnist::data::synthetic::{SHAPE, network};
use gpu_mnist::data::test_split::TestSplit;
use gpu_mnist::data::{ImageSet, ImageShape, Split};
use gpu_mnist::kernels::Kernels;
use gpu_mnist::runs::training_images::TrainingImages;
use std::io::Write;

fn error(change: impl FnOnce(&mut Layers) -> Result<(), gpu_mnist::config::ConfigError>) -> String {
    let mut layers = Layers::default();
    match change(&mut layers).and_then(|()| layers.resolve().map(|_| ())) {
        Ok(()) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_defaults_resolve_and_keep_their_comments() {
    let layers = Layers::default();
    let config = layers.resolve().expect("defaults are in range");
    assert_eq!(config.training.batch_size, 256);
    assert_eq!(network(&config.model).parameter_count(), 215_194);
    assert!(layers.to_toml().contains("# Every random choice follows"));
    assert!(layers.entries().len() > 20);
    assert!(layers.entries().iter().all(|e| e.origin == Origin::Default));
}

#[test]
fn every_preset_resolves_and_every_file_of_the_folder_is_a_preset() {
    for (name, _) in PRESETS {
        let mut layers = Layers::default();
        layers.load(name).expect("a preset loads");
        layers.resolve().expect("a preset is in range");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let files = std::fs::read_dir(folder).expect("config/ is there").count();
    assert_eq!(files, PRESETS.len());
}

#[test]
fn later_layers_win_and_are_named() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    writeln!(file, "[training]\nepochs = 2\nlearning_rate = 1").expect("written");
    let path = file.path().to_str().expect("a plain path").to_string();
    let mut layers = Layers::default();
    layers.load("smoke").expect("a preset");
    layers.load(&path).expect("a file");
    layers.assign("training.epochs=3").expect("a setting");
    layers
        .set("training.epochs", 4, Origin::Flag("--epochs"))
        .expect("a flag");
    let config = layers.resolve().expect("in range");
    assert_eq!(config.training.epochs, 4);
    assert_eq!(config.training.learning_rate, 1.0);
    assert_eq!(layers.origin("training.epochs"), Origin::Flag("--epochs"));
    assert_eq!(
        layers.origin("training.learning_rate"),
        Origin::File(path.into())
    );
    assert_eq!(layers.origin("data.set"), Origin::Preset("smoke".into()));
    let mut again = Layers::default();
    again
        .overlay(&layers.to_toml(), &Origin::Set)
        .expect("the resolved copy is a settings file");
    assert_eq!(again.resolve().expect("in range"), config);
}

#[test]
fn an_unknown_key_names_itself_its_origin_and_the_nearest_setting() {
    let text = error(|layers| layers.assign("training.epoch=3"));
    assert!(
        text.contains("--set: unknown setting 'training.epoch'"),
        "{text}"
    );
    assert!(text.contains("did you mean 'training.epochs'?"), "{text}");
    let text =
        error(|layers| layers.overlay("[trainig]\nepochs = 3", &Origin::File("a.toml".into())));
    assert!(
        text.contains("a.toml: unknown setting 'trainig.epochs'"),
        "{text}"
    );
}

#[test]
fn wrong_types_words_and_ranges_name_the_key() {
    for (assignment, expected) in [
        ("device.hardware_only=1", "must be true or false"),
        (
            "training.schedule=spiral",
            "'training.schedule' = \"spiral\"",
        ),
        (
            "training.learning_rate=nan",
            "must be a finite number greater than 0",
        ),
        ("training.beta1=1.0", "from 0 to below 1"),
        ("training.target_accuracy=99", "0.99 means 99 %"),
        (
            "model.layers=[{ linear = 8 }, { linear = 99999999 }]",
            "entry 2: linear = 99999999 must lie from 1 to 16384",
        ),
        ("augment.rotation=181", "from 0 to 180 (degrees)"),
        ("augment.elastic=-1", "from 0 to 128 (pixels)"),
        ("augment.elastic_cells=0", "from 1 to 14"),
        ("augment.cutout=129", "from 0 to 128 (pixels)"),
        (
            "data.split_seed=first",
            "data.split_seed' = \"first\": must be a whole number",
        ),
        (
            "data.synthetic_seed=-1",
            "data.synthetic_seed' = \"-1\": must be a whole number",
        ),
        ("data.size=7", "data.size' = 7: must be auto"),
        ("data.size=[32, 129]", "each from 8 to 128"),
        (
            "data.size=[28]",
            "must be auto, the pixels of a side, or [height, width], each from 8 to 128",
        ),
        (
            "seed=18446744073709551615",
            "a whole number from 0 to 9223372036854775807",
        ),
        ("data.test_fraction=0", "from 0.01 to 0.9"),
        ("epochs", "--set KEY=VALUE"),
        (
            "training=3",
            "'training' is a section of settings, and one of its settings is written training.NAME",
        ),
    ] {
        let text = error(|layers| layers.assign(assignment));
        assert!(text.contains(expected), "{assignment}: {text}");
    }
}

/// Whatever is wrong with a number, the refusal names the whole range.
#[test]
fn every_refusal_of_a_setting_names_the_same_range() {
    let range = "must be a whole number from 1 to 1000000, or auto";
    for value in [
        "0",
        "-1",
        "1000001",
        "2.5",
        "five",
        "[1]",
        "99999999999999999999",
    ] {
        let text = error(|layers| layers.assign(&format!("training.epochs={value}")));
        assert!(text.contains(range), "{value}: {text}");
    }
    let numbers = Layers::default().entries().into_iter();
    let numbers = numbers.filter(|entry| entry.value.is_integer() || entry.value.is_float());
    let mut seen = 0;
    for entry in numbers {
        let key = &entry.key;
        let range = range_of(key).unwrap_or_else(|| panic!("{key} has no range"));
        for value in ["-1e9", "few", "[true]"] {
            let text = error(|layers| layers.assign(&format!("{key}={value}")));
            assert!(
                text.contains(key.as_str()) && text.contains(&format!("must be {range}")),
                "{key}={value}: {text}"
            );
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen} settings");
}

#[test]
fn the_name_of_a_section_is_told_from_a_setting_s() {
    for (change, expected) in [
        (
            "training=3",
            "such as training.epochs; `gpu-mnist config training` lists them",
        ),
        (
            "bench=3",
            "such as bench.steps; `gpu-mnist config bench` lists them",
        ),
        ("training.nothing=3", "unknown setting 'training.nothing'"),
    ] {
        let text = error(|layers| layers.assign(change));
        assert!(text.contains(expected), "{change}: {text}");
    }
    let origin = Origin::File("mine.toml".into());
    let text = error(|layers| layers.overlay("data = \"mnist\"", &origin));
    assert!(text.starts_with("mine.toml: 'data' is a section"), "{text}");
}

#[test]
fn layers_that_cannot_be_name_their_entry() {
    for (layers, expected) in [
        (
            "[{convolution=8,kernel=3},{convolution=8,kernel=129}]",
            "entry 2: kernel = 129",
        ),
        (
            "[{convolution=8,kernel=5,pool=2},{convolution=8,kernel=13}]",
            "left of its 12x12 input",
        ),
        (
            "[{convolution=8,kernel=28,pool=2}]",
            "entry 1: nothing is left",
        ),
        (
            "[{convolution=8,kernel=3,stride=0}]",
            "stride = 0 must lie from 1",
        ),
        (
            "[{convolution=8,kernel=3,padding=3}]",
            "padding = 3 must be less than kernel = 3",
        ),
        (
            "[{convolution=0,kernel=3}]",
            "convolution = 0 must lie from 1",
        ),
        (
            "[{convolution=8}]",
            "entry 1: a convolution needs its kernel",
        ),
        (
            "[{convolution=8,kernel=3,norm=\"layer\"}]",
            "norm can only be \"batch\"",
        ),
        ("[{convolution=8,kernel=3,pool=3}]", "pool can only be 2"),
        (
            "[{convolution=1,kernel=3,residual=true}]",
            "28x28x1, to its output, 26x26x1",
        ),
        (
            "[{convolution=8,kernel=3,padding=1,residual=true}]",
            "must be alike",
        ),
        (
            "[{linear=8},{convolution=8,kernel=3}]",
            "entry 2: a convolution cannot follow a linear",
        ),
        (
            "[{pool=\"average\"},{pool=\"average\"}]",
            "entry 2: pool = \"average\" cannot follow",
        ),
        (
            "[{linear=8},{pool=\"average\"}]",
            "entry 2: pool = \"average\" cannot follow a linear",
        ),
        ("[{pool=2}]", "entry 1: a pool by itself"),
        (
            "[{dropout=1}]",
            "entry 1: dropout = 1 must lie from 0 to below 1",
        ),
        ("[{dropout=-0.1}]", "dropout = -0.1 must lie from 0"),
        (
            "[{linear=8},{pool=\"max\"}]",
            "entry 2: pool = \"max\" cannot follow a linear",
        ),
        (
            "[{convolution=8,kernel=28},{pool=\"max\"}]",
            "entry 2: no 2x2 window fits its 1x1",
        ),
        (
            "[{linear=8,kernel=3}]",
            "entry 1: 'kernel' belongs to a convolution",
        ),
        (
            "[{linear=8,convolution=3,kernel=3}]",
            "entry 1: write convolution and linear as two",
        ),
        ("[{}]", "entry 1: an entry has convolution = N"),
        ("[{linear=8},{widht=3}]", "entry 2: unknown field `widht`"),
        ("[{linear=8},3]", "entry 2 is not { key = value }"),
        (
            "[{linear=16384},{linear=16384}]",
            "entry 2: more than 150000000 weights",
        ),
        ("3", "must be a word or a list in brackets"),
        ("[{linear=8}", "must be a list of layers"),
    ] {
        let mut settings = Layers::default();
        let text = match settings.assign(&format!("model.layers={layers}")) {
            Err(error) => error.to_string(),
            Ok(()) => refused(&mut settings, SHAPE, None),
        };
        assert!(
            text.contains("--set: setting 'model.layers'") && text.contains(expected),
            "{layers}: {text}"
        );
    }
    // What fits MNIST's images may not fit others.
    let text = refused(&mut Layers::default(), ImageShape::rgb(8, 9), None);
    assert!(
        text.contains("images of 8x9x3") && text.contains("nothing is left of its 2x2 input"),
        "{text}"
    );
}

/// Ten images of a shape in ten classes.
fn set_of(shape: ImageShape, mirrorable: Option<bool>) -> ImageSet {
    let split = Split {
        shape,
        classes: 10,
        images: vec![0; 10 * shape.bytes()],
        labels: (0..10).collect(),
    };
    let description = SetDescription {
        shape,
        mirrorable,
        ..digits("ten")
    };
    ImageSet::new(description, split.clone(), TestSplit::new(split))
}

/// Why settings are refused, whatever the images or for images of a shape.
fn refused(layers: &mut Layers, shape: ImageShape, mirrorable: Option<bool>) -> String {
    layers
        .set("data.validation_size", 0, Origin::Default)
        .expect("a setting");
    match layers.resolve() {
        Err(error) => error.to_string(),
        Ok(config) => TrainingImages::check(&set_of(shape, mirrorable), &config, layers)
            .expect_err("refused")
            .to_string(),
    }
}

#[test]
fn a_list_of_layers_is_replaced_whole_however_it_is_written() {
    let written = "[model]\nlayers = [\n  { linear = 5 }, # why not\n]\n";
    let tables = "[[model.layers]]\nlinear = 5\n";
    let mut found = Vec::new();
    for text in [written, tables] {
        let mut layers = Layers::default();
        layers.overlay(text, &Origin::Set).expect("overlaid");
        let config = layers.resolve().expect("in range");
        assert_eq!(
            network(&config.model).parameter_count(),
            784 * 5 + 5 + 5 * 10 + 10
        );
        let entries = layers.entries();
        let entry = entries.iter().find(|entry| entry.key == "model.layers");
        found.push(entry.expect("the setting").value.to_string());
        let mut again = Layers::default();
        let copy = layers.to_toml();
        again.overlay(&copy, &Origin::Set).expect("a settings file");
        assert_eq!(again.resolve().expect("in range"), config);
    }
    assert_eq!(found, ["[{ linear = 5 }]"; 2]);
}

#[test]
fn what_older_versions_called_the_kernels_is_read_and_written_anew() {
    for text in [
        "[training]\nepochs = 3\n# why\nkernels = \"stock\"\n",
        "training.kernels = \"stock\"",
        "device.kernels = \"stock\"",
    ] {
        let mut layers = Layers::default();
        let origin = Origin::File("old.toml".into());
        layers.overlay(text, &origin).expect("read");
        assert_eq!(
            layers.resolve().expect("valid").device.kernels,
            Kernels::Burn
        );
        let copy = layers.to_toml();
        assert!(copy.contains("kernels = \"burn\"") && !copy.contains("\"stock\""));
        assert_eq!(copy.matches("\nkernels = ").count(), 1, "{copy}");
    }
    let text = error(|layers| layers.assign("training.kernels=own"));
    assert!(text.contains("'device.kernels' = \"own\""), "{text}");
    let read = |word| serde_json::from_str::<Kernels>(word).expect("a word");
    assert_eq!([read("\"stock\""), read("\"burn\"")], [Kernels::Burn; 2]);
    assert_eq!(
        serde_json::to_string(&Kernels::Burn).expect("JSON"),
        "\"burn\""
    );
}

#[test]
fn a_file_that_is_not_there_and_one_that_is_not_toml() {
    let text = error(|layers| layers.load("nowhere.toml"));
    assert!(
        text.contains("nowhere.toml") && text.contains("smoke"),
        "{text}"
    );
    let text = error(|layers| layers.overlay("a = = 1", &Origin::File("b.toml".into())));
    assert!(text.contains("b.toml: not valid TOML"), "{text}");
}

#[test]
fn the_resolved_copy_keeps_the_comments_of_a_settings_file() {
    let text = "\
# Tried on the laptop.
seed = 4 # lucky

# As long as a coffee takes.
[training]
# Nine was too many.
epochs = 3
";
    let origin = Origin::File("mine.toml".into());
    let mut layers = Layers::default();
    layers.overlay(text, &origin).expect("overlaid");
    let copy = layers.to_toml();
    for expected in [
        "# Tried on the laptop.\nseed = 4 # lucky\n",
        "# As long as a coffee takes.\n[training]\n",
        "# Nine was too many.\nepochs = 3\n",
        "# Every random choice follows from this number",
        "# Passes over the training images.",
    ] {
        assert!(copy.contains(expected), "{expected} is missing in\n{copy}");
    }
    let mut again = Layers::default();
    again
        .overlay(&copy, &origin)
        .expect("a copy is a settings file");
    assert_eq!(again.to_toml(), copy);
    let mut untouched = Layers::default();
    untouched.overlay(DEFAULT, &origin).expect("the default");
    assert_eq!(untouched.to_toml(), DEFAULT);
}

#[test]
fn dotted_keys_and_inline_tables_keep_their_comments() {
    let text = "\
# dotted
training.epochs = 3 # three
# inline
evaluation = { batch_size = 10 } # ten
";
    let mut layers = Layers::default();
    layers.overlay(text, &Origin::Set).expect("overlaid");
    let copy = layers.to_toml();
    for expected in [
        "# dotted",
        "# three",
        "# inline",
        "# ten",
        "batch_size = 10",
    ] {
        assert!(copy.contains(expected), "{expected} is missing in\n{copy}");
    }
}

#[test]
fn pictures_are_mirrored_where_that_makes_sense_and_some_epoch_is_distorted() {
    let mut layers = Layers::default();
    layers.assign("augment.flip=true").expect("a setting");
    assert!(layers.resolve().expect("in range").augment.distorts());
    let text = refused(&mut layers, SHAPE, Some(false));
    assert!(text.contains("no longer shows its class"), "{text}");
    for mirrorable in [Some(true), None] {
        let set = set_of(SHAPE, mirrorable);
        let config = layers.resolve().expect("in range");
        TrainingImages::check(&set, &config, &layers).expect("nobody says it may not");
    }
    let text = error(|layers| {
        layers.assign("augment.shift=1")?;
        layers.assign("augment.off_epochs=1")
    });
    assert!(
        text.contains("no epoch with distorted images would be left")
            && text.contains("off_epochs=0"),
        "{text}"
    );
}
