//! The texts of errors in the sources.

/// What begins the words of an error.
const BEGINS: &[&str] = &[
    "#[error(",
    "UsageError(",
    "bail!(",
    "anyhow!(",
    "ensure!(",
    ".context(",
    "with_context(",
    ".invalid(",
    "unfit(",
    "unwritten(",
    "wrong(",
    "Err(",
    "ok_or(",
    "ok_or_else(",
];

/// The literals of all errors in a file that are sentences.
pub fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for begin in BEGINS {
        for (place, _) in source.match_indices(begin) {
            literals(&source[place + begin.len()..], &mut found);
        }
    }
    found.retain(|text| fragment(text).len() >= 8 && fragment(text).contains(' '));
    found
}

/// The literals up to the bracket that closes what has been opened.
fn literals(source: &str, found: &mut Vec<String>) {
    let mut letters = source.chars();
    let mut depth = 1;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => found.push(literal(&mut letters)),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '\'' => {
                // A letter, or a lifetime.
                let ahead: String = letters.clone().take(2).collect();
                if ahead.ends_with('\'') {
                    letters.nth(1);
                }
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn literal(letters: &mut std::str::Chars) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            letter => text.push(letter),
        }
    }
    text
}

/// The longest part of a text between what is filled in.
pub fn fragment(text: &str) -> &str {
    let parts = text.split(['{', '}']).enumerate();
    let parts = parts
        .filter(|(place, _)| place % 2 == 0)
        .map(|(_, part)| part);
    let parts = parts.flat_map(|part| part.split('\n'));
    let trimmed = parts.map(|part| part.trim_matches([' ', ':', ';', ',', '`']));
    trimmed.max_by_key(|part| part.len()).unwrap_or_default()
}

/// Files whose errors are reasons that others carry: what brings them about.
pub const FILES: &[(&str, &str)] = &[
    ("data/fetch/", "a server that misbehaves: `fetch.rs`"),
    (
        "export/",
        "what the check of an exported file finds, a defect: `export.rs` changes the file",
    ),
    ("/onnx.rs", "as above"),
    ("device/inject.rs", "what the tests inject"),
    (
        "runs/checkpoint/reading.rs",
        "a damaged checkpoint, of which `resume.rs` and `hostile.rs` have many",
    ),
    (
        "runs/weights.rs",
        "damaged weights, of which `from.rs` and `hostile.rs` have many",
    ),
    ("evaluation/", "as above, and damaged records of runs"),
    (
        "data/formats/images/kept.rs",
        "a damaged copy of decoded images, which are decoded anew: `data/own_images.rs`",
    ),
];

/// Texts that no command of the list provokes: what does, or why nothing can.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("the adapter told no time", "an adapter whose clock fails"),
    (
        "stopped while",
        "an evaluation that its caller ended: `run_folders.rs`",
    ),
    (
        "would need more memory than an image may take",
        "a file whose decoder refuses its size first",
    ),
    (
        "nothing is launched on the CPU",
        "nobody times launches there",
    ),
    (
        "the answers for them are guesses",
        "several drawings in one image that are like none of the set",
    ),
    (
        "has a single class: there is nothing to tell apart",
        "a set all of whose training images are of one class",
    ),
    (
        "no run with weights yet",
        "a folder of runs without any: `words.rs`",
    ),
    (
        "no weights yet, because it is still training",
        "a run that is being trained: `run_folders.rs`",
    ),
    ("epochs are", "two words of a sentence that is provoked"),
    (
        "check the permissions there",
        "a run folder of someone else: `tests/faults/run.sh`",
    ),
    (
        "nothing is looked for there",
        "--data-dir beside a set that is a folder: `identity.rs`",
    ),
    (
        "save all of them in one shape",
        "images of several shapes in one NPZ",
    ),
    (
        "name a folder with fewer",
        "more classes, or more images, than are taken",
    ),
    (
        "classes can be told apart: name a folder",
        "a folder of more than a thousand folders",
    ),
    (
        "); lower it: --learning-rate",
        "a loss that is no number: `training.rs`",
    ),
    (
        "update its driver and report the output of",
        "an adapter that computes wrong numbers: `doctor.rs` injects faults",
    ),
    (
        "-vv shows where, --device cpu avoids",
        "a panic in a dependency: `isolation.rs`",
    ),
    (
        "could not be measured",
        "a device that fails in `bench`: `bench.rs` injects faults",
    ),
    (
        "no row could be compared",
        "a saved measurement of other devices: `bench.rs`",
    ),
    (
        "the table has the intervals",
        "a device that became slower: `bench.rs`",
    ),
    (
        "could not be removed; check the permissions",
        "a folder of someone else: `tests/faults`",
    ),
    (
        "reading was interrupted",
        "Ctrl-C while images are read: `data/own_images.rs`",
    ),
    (
        "holds control characters",
        "a class or a set whose name moves the cursor: `data/names.rs`",
    ),
    ("give the class another name", "as above"),
    ("give it another name", "as above"),
    (
        "the name of the folder",
        "a folder that a system without UTF-8 named: `data/names.rs`",
    ),
    ("rename the folder", "as above"),
    (
        "other bytes stand before its .zip archive",
        "an archive that unpacks itself: `data/parts.rs`",
    ),
    ("pack the archive again, without them", "as above"),
    (
        "cannot be unpacked",
        "an archive packed in another way: `data/parts.rs`",
    ),
    ("pack the archive again, with Deflate", "as above"),
    (
        "its images are of kinds that are not read",
        "folders of TIFF or AVIF files alone: `data/parts.rs`",
    ),
    ("convert them to PNG or JPEG", "as above"),
    (
        "is written in UTF-16",
        "a table that a spreadsheet saved so: `data/forms.rs`",
    ),
    ("save the table as UTF-8", "as above"),
    (
        "is not UTF-8",
        "labels in another encoding: `data/names.rs`",
    ),
    (
        "in a row, and the smallest images have",
        "a table of something else: `data/forms.rs`",
    ),
    ("give each image a row with its label", "as above"),
    ("holds no rows", "an empty table: `data/forms.rs`"),
    (
        "is not a word in UTF-8",
        "an array of names in another encoding",
    ),
    (
        "holds words in place of pixels",
        "an array of names called as images are: `data/forms.rs`",
    ),
    ("save the images as uint8", "as above"),
    (
        "has pixels that are NaN or infinite",
        "an array that was divided by zero: `data/tables.rs`",
    ),
    ("replace those that are none", "as above"),
    (
        "not one of the four files",
        "a file that the page was given: `session.rs`",
    ),
    (
        "was interrupted; `gpu-mnist data fetch",
        "Ctrl-C in a download: `tests/faults`",
    ),
    (
        "GB of memory, more than there is",
        "a header that promises terabytes, packed: `hostile.rs`",
    ),
    (
        "SHA-256 of the unpacked bytes is",
        "a file of the right length with other bytes: `data/idx.rs`",
    ),
    (
        "changed while it was read",
        "a file that is written meanwhile: `data/mnist_crate.rs`",
    ),
    (
        "no home folder, so no cache folder",
        "a user without a home: `tests/faults`",
    ),
    (
        "holds no table train.csv",
        "a guard: a folder of `test.csv` alone is that table",
    ),
    ("name the file with images to train on", "as above"),
    (
        "no image in its folders",
        "a guard: folders without an image are no set",
    ),
    ("give a folder of PNG, JPEG", "as above"),
    (
        "is too large",
        "an array that no memory holds: `hostile.rs`",
    ),
    (
        "only software adapters found",
        "`device.rs`, with adapters made up",
    ),
    ("no adapter matches", "`device.rs`"),
    ("no GPU adapter found", "`device.rs`"),
    (
        "use numbers or parts of names from this list",
        "`device.rs`",
    ),
    (
        "could not be opened",
        "a driver that fails: `device.rs` injects it",
    ),
    ("update its driver, choose another with", "as above"),
    (
        "failed while",
        "a device that fails: `doctor.rs`, `commands.rs` inject it",
    ),
    (
        "does not agree with the network",
        "a defect of the exporter: `export.rs` changes the file",
    ),
    ("is outside a data set of", "a defect: `kernels_cpu.rs`"),
    ("is outside", "a defect: `kernels_cpu.rs`"),
    (
        "million that are decoded",
        "an image of 65 million pixels: `picture.rs`",
    ),
    (
        "MiB; scale the image down first",
        "a file of 64 MiB: `picture.rs`",
    ),
    ("the curves could not be drawn", "a defect of the plotting"),
    (
        "has no test images: name a set that has some",
        "a set of one image a class: `fit.rs`",
    ),
    (
        "no step was taken, so there is nothing to draw",
        "a defect of `lr-find`",
    ),
    ("could not be filled in", "a defect of a template"),
    (
        "name the right ones with --set training.from",
        "a run whose source changed: `from.rs`",
    ),
    (
        "name its new place with --set training.from",
        "a run whose source is gone: `from.rs`",
    ),
    (
        "and no record says which weights those were",
        "a run without a record: `from.rs`",
    ),
    (
        "the path is not UTF-8 text, and settings can hold nothing else",
        "a folder whose name is no text: Unix alone has one",
    ),
    ("is kept: make room", "a full disk: `tests/faults`"),
    (
        "the training ended before its first checkpoint",
        "a device that fails at once: `commands.rs` injects it",
    ),
    (
        "is kept: go on with",
        "a device that fails later: `commands.rs` injects it",
    ),
    ("the program cannot find itself", "a system without /proc"),
    (
        "a process could not be started",
        "a system without room for a process",
    ),
    ("a run that ended has an evaluation", "a defect"),
    ("a run that is evaluated has an evaluation", "a defect"),
    (
        "its checkpoints are gone, so it cannot be evaluated",
        "a best trial whose folder was cleared by hand: its weights are used where they are left",
    ),
    (
        "a path that is not UTF-8 text of one line",
        "a sweep in a folder with a line break in its name",
    ),
    (
        "left the queue without a result",
        "an engine that loses trials: `engines.rs`",
    ),
    ("Invalid job id", "words of Slurm"),
    (
        "the images are others than those the sweep was planned with",
        "images that change between plan and trial: `sweep.rs`",
    ),
    (
        "another gpu-mnist is training this run",
        "two programs on one run: `run_folders.rs`",
    ),
    (
        "names no instruction set",
        "`kernels_cpu.rs`; which there are is the processor's",
    ),
    ("this processor does not have it", "`kernels_cpu.rs`"),
    ("Slurm's MaxArraySize", "`engines.rs`"),
    ("see that Slurm answers here", "`engines.rs`"),
    ("see that its server answers", "`engines.rs`"),
    (
        "stdout could not be written",
        "a full disk behind stdout: `tests/faults`",
    ),
    (
        "--retry` trains it again",
        "below, as the reason of a trial",
    ),
    ("use a number or a part of a name", "`device.rs`"),
    ("install it and put it into PATH", "below"),
    (
        "no completions for",
        "a guard: shells are checked before: `completions cmd`",
    ),
    (
        "kernels the losses leave the band of",
        "an adapter that computes wrong numbers: `bench.rs` injects faults",
    ),
    (
        "write its download",
        "a full disk in a download, as others: `tests/faults`",
    ),
    (
        "lengths or labels differ",
        "a set that changes while it is read, as above",
    ),
    (
        "images to train on, to validate and to test, expected",
        "other images under the name of a known set",
    ),
    ("classes, expected", "as above"),
    (
        "channels; 1 (grey) or 3 (red, green, blue) can be trained on",
        "a caller of the library: each format checks before",
    ),
    (
        "training.patience has run out",
        "a run that ended early, asked to train no further: `words.rs`",
    ),
    ("training.target_accuracy is reached", "as above"),
    ("raise training.", "as above"),
    ("train it further with a greater --epochs, and", "as above"),
    ("training.max_seconds has passed", "as above"),
    (
        "a batch norm of",
        "the check of an exported file, as in `FILES`",
    ),
    ("a batch norm without epsilon", "as above"),
    ("a matrix product of", "as above"),
    ("an average of", "as above"),
    ("an average over other than four dimensions", "as above"),
    ("' does not fit its input", "as above"),
    ("no NPZ archive", "a guard: contents tell that it is one"),
    (
        "a step moves what it changes",
        "a defect of replaying, which is then left",
    ),
];
