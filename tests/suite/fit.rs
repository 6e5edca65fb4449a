//! Settings that follow the data set: the preset for sets unlike MNIST, networks for images of any
//! size, epochs without a number, mirrors.

use gpu_mnist::config::followed::most_epochs;
use gpu_mnist::config::{ConfigError, Layers, Origin, ScheduleKind};
use gpu_mnist::data::image_set::{SetDescription, digits};
use gpu_mnist::data::test_split::TestSplit;
use gpu_mnist::data::{ImageSet, ImageShape};
use gpu_mnist::model::ModelConfig;
use gpu_mnist::model::family::Family;
use gpu_mnist::model::layers::Shape;
use gpu_mnist::runs::fit::fit;
use gpu_mnist::runs::training_images::TrainingImages;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use crate::data::own_images::write_classes;
use crate::data::pattern;
use crate::support::{program, settings};

fn model(family: Family, sides: [usize; 2]) -> ModelConfig {
    ModelConfig {
        layers: family.layers(sides),
        ..settings(&[]).model
    }
}

/// Channels of each convolution, with a `p` where it pools and an `r` where it is residual.
fn written(family: Family, sides: [usize; 2]) -> String {
    let layers = serde_json::to_value(family.layers(sides)).expect("plain data");
    let layers = layers.as_array().expect("a list");
    let (average, convolutions) = layers.split_last().expect("layers");
    assert_eq!(average["pool"], "average");
    let one = |entry: &serde_json::Value| {
        assert_eq!(
            (&entry["kernel"], &entry["padding"]),
            (&3.into(), &1.into())
        );
        assert_eq!(entry["norm"], "batch");
        let mark = |key: &str, mark| match entry.get(key) {
            Some(_) => mark,
            None => "",
        };
        format!(
            "{}{}{}",
            entry["convolution"],
            mark("pool", "p"),
            mark("residual", "r")
        )
    };
    let convolutions: Vec<String> = convolutions.iter().map(one).collect();
    convolutions.join(" ")
}

#[test]
fn families_follow_the_size_of_the_images() {
    use Family::{Plain, Residual};
    assert_eq!(written(Plain, [8, 8]), "16 32 64 128p");
    assert_eq!(written(Plain, [16, 16]), "16 32 64p 128p");
    assert_eq!(written(Plain, [28, 28]), "16 32p 64p 128p");
    assert_eq!(written(Plain, [32, 32]), "16 32p 64p 128p");
    assert_eq!(written(Plain, [64, 64]), "16 16p 32p 64p 128p");
    assert_eq!(written(Plain, [128, 128]), "16 16p 16p 32p 64p 128p");
    // The shorter side keeps two pixels.
    assert_eq!(written(Plain, [8, 128]), "16 32 64p 128p");
    assert_eq!(written(Residual, [32, 32]), "24 48p 96p 96r 192p 192r");
    assert_eq!(
        written(Residual, [64, 64]),
        "16 24p 48p 48r 96p 96r 192p 192r"
    );
    assert_eq!(written(Residual, [8, 8]), "24 48 96 96r 192p 192r");
}

#[test]
fn a_family_has_a_network_for_every_size_and_number_of_classes() {
    for height in (8..=128).step_by(3) {
        for width in [8, 9, 28, 33, 64, 127, 128] {
            for family in [Family::Plain, Family::Residual] {
                let network =
                    model(family, [height, width]).network(ImageShape::rgb(height, width), 1000);
                let places = network.places().expect("a network");
                let pooled = places.iter().rev().find_map(|place| match place.input {
                    Shape::Image([rows, columns, _]) => Some((rows, columns)),
                    Shape::Features(_) => None,
                });
                let (rows, columns) = pooled.expect("an image");
                assert!(rows.min(columns) >= 2, "{height}x{width}: {rows}x{columns}");
                assert_eq!(
                    places.last().map(|place| place.output),
                    Some(Shape::Features(1000))
                );
            }
        }
    }
}

#[test]
fn epochs_follow_the_work_they_are() {
    // Images of 32x32 pixels, then a quarter of the pixels.
    assert_eq!(most_epochs(600_000, 50_000, 32 * 32), 12);
    assert_eq!(most_epochs(600_000, 50_000, 16 * 16), 48);
    assert_eq!(most_epochs(600_000, 500_000, 32 * 32), 4);
    assert_eq!(most_epochs(600_000, 100, 28 * 28), 100);
}

fn set(shape: ImageShape, images: usize) -> ImageSet {
    let description = SetDescription {
        shape,
        mirrorable: None,
        ..digits("own")
    };
    ImageSet::new(
        description,
        pattern(shape, 10, images),
        TestSplit::new(pattern(shape, 10, 10)),
    )
}

fn fitted(set: &ImageSet, change: impl FnOnce(&mut Layers) -> Result<(), ConfigError>) -> Layers {
    let mut layers = Layers::default();
    change(&mut layers).expect("known");
    fit(set, false, &mut layers).expect("it fits");
    layers
}

#[test]
fn sets_unlike_mnist_get_the_small_recipe_and_what_is_given_stays() {
    let own = set(ImageShape::rgb(20, 20), 500);
    let layers = fitted(&own, |layers| {
        layers.assign("training.batch_size=32")?;
        layers.assign("training.optimizer=adam")
    });
    let config = layers.resolve().expect("in range");
    assert_eq!(config.model.layers, Family::Plain.layers([20, 20]));
    assert_eq!(config.training.batch_size, 32);
    assert_eq!(layers.origin("training.batch_size"), Origin::Set);
    assert_eq!(layers.origin("training.optimizer"), Origin::Set);
    let small = Origin::Preset("small".into());
    assert_eq!(layers.origin("training.label_smoothing"), small);
    assert_eq!(config.data.validation_size, 50);
    // 450 images of 400 pixels.
    assert_eq!(config.training.epochs, 100);
    assert_eq!(config.training.patience, 10);
    assert_eq!(config.training.schedule, ScheduleKind::Plateau);
    // A resume reads what came of it.
    let mut again = Layers::default();
    let kept = again.overlay(&layers.to_toml(), &Origin::File("settings.toml".into()));
    kept.expect("readable");
    assert_eq!(again.resolve().expect("in range"), config);
    assert_eq!(fit(&own, false, &mut again).expect("it fits"), [""; 0]);
    assert_eq!(again.resolve().expect("in range"), config);
}

#[test]
fn a_set_without_images_to_test_is_not_tested() {
    let mut own = set(ImageShape::grey(20, 20), 50);
    assert!(
        fitted(&own, |_| Ok(()))
            .resolve()
            .expect("in range")
            .evaluation
            .test
    );
    own.test = TestSplit::new(pattern(ImageShape::grey(20, 20), 10, 0));
    let mut layers = Layers::default();
    let remarks = fit(&own, false, &mut layers).expect("it fits");
    let remark = "own has no image to test, and none to spare";
    assert!(
        remarks.iter().any(|line| line.contains(remark)),
        "{remarks:?}"
    );
    assert!(!layers.resolve().expect("in range").evaluation.test);
    assert_eq!(layers.origin("evaluation.test"), Origin::Data);
}

#[test]
fn a_set_of_one_image_a_class_is_trained_on_and_cannot_be_evaluated() {
    let home = tempfile::tempdir().expect("a folder");
    write_classes(&home.path().join("few"), &["cat", "dog"], 1);
    let run = |arguments: &[&str]| program(home.path()).args(arguments).assert();
    let train = ["train", "--dataset", "few", "--device", "cpu"];
    run(&[&train[..], &["--epochs", "1", "--out", "run"]].concat())
        .code(0)
        .stderr(contains("few has no image to test, and none to spare"))
        .stdout(contains("0.00 %").not());
    run(&["evaluate", "run", "--device", "cpu"])
        .code(2)
        .stderr(contains("has no test images"));
}

#[test]
fn a_recipe_that_is_chosen_stays_and_so_does_mnist() {
    let own = set(ImageShape::grey(28, 28), 500);
    let chosen = fitted(&own, |layers| layers.preset("default").map(drop));
    let reference = settings(&[]);
    assert_eq!(chosen.resolve().expect("in range").model, reference.model);
    let many = set(ImageShape::grey(28, 28), 10_000);
    let like_mnist = fitted(&many, |_| Ok(()));
    let config = like_mnist.resolve().expect("in range");
    let (model, training) = (reference.model, reference.training);
    assert_eq!(
        (config.model, config.training),
        (model.clone(), training.clone())
    );
    // Fewer, in MNIST's own files.
    let mut layers = Layers::default();
    fit(&own, true, &mut layers).expect("it fits");
    let config = layers.resolve().expect("in range");
    assert_eq!((config.model, config.training), (model, training));
}

#[test]
fn mirrors_follow_what_is_known_of_the_set() {
    use gpu_mnist::data::image_set::Background::{Dark, Light, Varied};
    let auto = |layers: &mut Layers| layers.assign("augment.flip=auto");
    for (mirrorable, background, flip) in [
        (Some(true), Dark, true),
        (Some(false), Varied, false),
        (None, Varied, true),
        (None, Dark, false),
        (None, Light, false),
    ] {
        let mut set = set(ImageShape::grey(28, 28), 10_000);
        set.description.mirrorable = mirrorable;
        set.description.background = background;
        let config = fitted(&set, auto).resolve().expect("in range");
        assert_eq!(config.augment.flip, flip, "{mirrorable:?} {background:?}");
    }
}

/// Twenty classes, of which one has two images to train on and the others one.
fn rare() -> ImageSet {
    let shape = ImageShape::grey(10, 10);
    let names = (0..20).map(|class: u8| class.to_string()).collect();
    let description = SetDescription {
        shape,
        class_names: names,
        mirrorable: None,
        ..digits("rare")
    };
    ImageSet::new(
        description,
        pattern(shape, 20, 21),
        TestSplit::new(pattern(shape, 20, 1)),
    )
}

#[test]
fn validation_takes_no_class_its_only_image() {
    let rare = rare();
    let layers = fitted(&rare, |_| Ok(()));
    let config = layers.resolve().expect("in range");
    assert_eq!(config.data.validation_size, 1, "and not a tenth");
    let images = TrainingImages::divide(&rare, &config, &layers).expect("they suit");
    assert_eq!(images.train.class_counts(), [1; 20]);
    assert_eq!(images.valid.labels, [0]);

    // More, where somebody asks for it, and that is said.
    let mut asked = layers.clone();
    asked.assign("data.validation_size=2").expect("known");
    let config = asked.resolve().expect("in range");
    let images = TrainingImages::divide(&rare, &config, &asked).expect("they suit");
    let remarks = images.remarks().join("\n");
    assert!(
        remarks.contains("but validation images: the network cannot learn it"),
        "{remarks}"
    );
    assert!(
        remarks.contains("nothing is known of how well they are told apart"),
        "{remarks}"
    );
}

#[test]
fn what_a_set_holds_is_said_of_one_image_and_of_many() {
    let summary = rare().summary();
    assert!(
        summary.ends_with("20 classes: 1 to 2 images each"),
        "{summary}"
    );
    let mut even = rare();
    even.train = even.train.first(20);
    assert!(
        even.summary().ends_with("20 classes: 1 image each"),
        "{}",
        even.summary()
    );
}

#[test]
fn without_validation_all_epochs_are_trained() {
    let own = set(ImageShape::grey(32, 32), 20_000);
    let layers = fitted(&own, |layers| {
        layers.preset("small")?;
        layers.assign("data.validation_size=0")
    });
    let training = layers.resolve().expect("in range").training;
    assert_eq!((training.epochs, training.patience), (8, 0));
    assert_eq!(training.schedule, ScheduleKind::OneCycle);
}

#[test]
fn epochs_auto_trains_a_folder_until_it_stops_improving() {
    let home = tempfile::tempdir().expect("a folder");
    write_classes(&home.path().join("own"), &["a", "b"], 20);
    let out = home.path().join("run");
    program(home.path())
        .args([
            "train",
            "--device",
            "cpu",
            "--dataset",
            "./own",
            "--epochs",
            "auto",
        ])
        .args([
            "--set",
            "training.patience=1",
            "--set",
            "model.layers=[{linear=8}]",
        ])
        .args(["--set", "augment.shift=0", "--json"])
        .arg("--out")
        .arg(&out)
        .assert()
        .success()
        .stderr(contains("unlike MNIST: the preset small"))
        .stderr(contains("at most 100 epochs"))
        .stdout(contains("\"ending\":\"stopped-early\""));
    let kept = std::fs::read_to_string(out.join("settings.toml")).expect("kept");
    assert!(kept.contains("\nepochs = 100") && kept.contains("\nschedule = \"plateau\""));
}

#[test]
fn words_that_nothing_follows_are_refused_by_name() {
    let home = tempfile::tempdir().expect("a folder");
    for (assignment, expected) in [
        (
            "model.layers=deep",
            "must be a list of layers, \"plain\" or \"residual\"",
        ),
        (
            "training.epochs=many",
            "a whole number from 1 to 1000000, or auto",
        ),
        ("augment.flip=maybe", "must be true, false or auto"),
        ("training.sampling=twice", "training.sampling"),
        ("training.schedule=plateau", "needs training.patience"),
    ] {
        program(home.path())
            .args(["config", "--set", assignment])
            .assert()
            .code(2)
            .stderr(contains(expected));
    }
}
