//! Which files of a tree are of which class and which split, by the folders they lie in.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::data::error::DataError;
use crate::data::formats::tree::{Tree, as_people_count};

/// What files of a set are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Train,
    Valid,
    Test,
}

/// A file of a class.
pub struct Listed {
    /// Its index in the tree.
    pub file: usize,
    pub part: Part,
    pub class: String,
}

pub struct Layout {
    /// Of each split the classes in turn, so that a few of the first files are of several.
    pub listed: Vec<Listed>,
    pub notes: Vec<String>,
}

/// What folders of a split are called, in lower case: so alone, or joined with other words.
const NAMES: [(&str, Part); 11] = [
    ("train", Part::Train),
    ("training", Part::Train),
    ("val", Part::Valid),
    ("valid", Part::Valid),
    ("validation", Part::Valid),
    ("dev", Part::Valid),
    ("eval", Part::Valid),
    ("evaluation", Part::Valid),
    ("test", Part::Test),
    ("testing", Part::Test),
    ("tests", Part::Test),
];

/// Whether a folder bears the name of images to train on.
pub fn is_part(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    part(&name) == Some(Part::Train)
}

impl Layout {
    /// # Errors
    /// [`DataError::Unfit`] where there are images, but none to train on.
    pub fn of(path: &Path, tree: &Tree) -> Result<Self, DataError> {
        let paths: Vec<Vec<&str>> = tree
            .files
            .iter()
            .map(|file| file.path.split('/').collect())
            .collect();
        let above = common(&paths);
        let paths: Vec<&[&str]> = paths.iter().map(|path| &path[above..]).collect();
        let tops = tops(tree, &paths, above);
        let in_parts = in_parts(&tops, &paths);
        let parts: Vec<Part> = tops.keys().filter_map(|name| part(name)).collect();
        if !in_parts && are_all_parts(&tops, &parts) {
            return Err(DataError::unfit(
                path,
                format!(
                    "holds {} but no train/ with a folder for each class",
                    names(&tops)
                ),
                "put the images to train on below train/, in a folder for each class",
            ));
        }
        let mut layout = Self {
            listed: Vec::new(),
            notes: Vec::new(),
        };
        let (mut unlabelled, mut outside) = (0, 0);
        let tests = parts.contains(&Part::Test) && has_classes(&paths, Part::Test);
        let nested = nested(&tops, &paths);
        for (file, path) in paths.iter().enumerate() {
            let (part, below) = match (in_parts, path) {
                (false, path) => (Part::Train, *path),
                (true, [top, below @ ..]) => match part(top) {
                    Some(part) if nested.contains(top) => (part, below.get(1..).unwrap_or(&[])),
                    Some(part) => (part, below),
                    None => {
                        outside += 1;
                        continue;
                    }
                },
                (true, []) => continue,
            };
            // Without others, these are the images that judge.
            let part = match part {
                Part::Valid if !tests => Part::Test,
                part => part,
            };
            match below {
                [class, _, ..] => layout.listed.push(Listed {
                    file,
                    part,
                    class: (*class).to_owned(),
                }),
                _ => unlabelled += 1,
            }
        }
        layout.add_folders(tree, above, in_parts, &nested);
        if in_parts && !tests && parts.contains(&Part::Valid) {
            let note = "no test/ with folders of classes: the images of the validation folder are used to test, and validation images are taken from those to train on";
            layout.notes.push(note.to_owned());
        }
        for (count, one, several) in [
            (
                unlabelled,
                "lies in no folder of a class",
                "lie in no folder of a class",
            ),
            (
                outside,
                "lies beside train/ and test/",
                "lie beside train/ and test/",
            ),
        ] {
            match count {
                0 => {}
                1 => layout.notes.push(format!("1 file {one} and is left out")),
                _ => layout
                    .notes
                    .push(format!("{count} files {several} and are left out")),
            }
        }
        layout.listed = in_turn(layout.listed, tree);
        Ok(layout)
    }

    /// Says which folders of classes have no file at all.
    fn add_folders(&mut self, tree: &Tree, above: usize, in_parts: bool, nested: &HashSet<&str>) {
        let depth = |parts: &[&str]| {
            let is_nested = parts.get(above).is_some_and(|top| nested.contains(top));
            above + usize::from(in_parts) + usize::from(in_parts && is_nested)
        };
        let used: HashSet<&str> = self.listed.iter().map(|file| &file.class[..]).collect();
        let mut empty: Vec<&str> = tree
            .folders
            .iter()
            .map(|folder| folder.split('/').collect::<Vec<_>>())
            .filter(|parts| parts.len() == depth(parts) + 1)
            .filter(|parts| !in_parts || part(parts[above]).is_some())
            .map(|parts| parts[depth(&parts)])
            .filter(|class| !used.contains(class))
            .collect();
        empty.sort_by(|a, b| as_people_count(a, b));
        empty.dedup();
        if !empty.is_empty() {
            let empty: Vec<String> = empty.into_iter().map(str::to_owned).collect();
            self.notes.push(format!(
                "empty folders, left out as classes: {}",
                super::some(&empty)
            ));
        }
    }
}

/// How many folders stand above all that differs: an archive is often of one folder.
fn common(paths: &[Vec<&str>]) -> usize {
    let Some(first) = paths.first() else {
        return 0;
    };
    let mut above = 0;
    while let Some(name) = first.get(above)
        // `test data/` that holds all may be what somebody calls the set.
        && part(name) != Some(Part::Train)
        && exact(name).is_none()
        && paths
            .iter()
            .all(|path| path.len() > above + 2 && path[above] == *name)
    {
        above += 1;
    }
    above
}

/// The folders at the top, with how many files lie below each.
fn tops<'a>(tree: &'a Tree, paths: &[&[&'a str]], above: usize) -> BTreeMap<&'a str, usize> {
    let mut tops = BTreeMap::new();
    for folder in &tree.folders {
        if let Some(name) = folder.split('/').nth(above) {
            tops.insert(name, 0);
        }
    }
    for path in paths.iter().filter(|path| path.len() > 1) {
        *tops.entry(path[0]).or_default() += 1;
    }
    tops
}

/// Whether the folders at the top are splits and not classes, one of which may be called `train`.
fn in_parts(tops: &BTreeMap<&str, usize>, paths: &[&[&str]]) -> bool {
    let others = tops.keys().filter_map(|name| part(name));
    let beside = others.filter(|&other| other != Part::Train).count() > 0;
    has_classes(paths, Part::Train) && (beside || tops.len() == 1 || holds_only_folders(paths))
}

/// Whether what is called as a folder to train on holds several folders, and no files of its own as that of a class
/// does.
fn holds_only_folders(paths: &[&[&str]]) -> bool {
    let mut trained = paths
        .iter()
        .filter(|path| part(path[0]) == Some(Part::Train));
    let folders: HashSet<&str> = trained
        .clone()
        .filter(|path| path.len() > 2)
        .map(|path| path[1])
        .collect();
    folders.len() > 1 && trained.all(|path| path.len() != 2)
}

/// Whether all folders at the top are splits by their names; those of classes may have such a word among others.
fn are_all_parts(tops: &BTreeMap<&str, usize>, parts: &[Part]) -> bool {
    let differ = parts.contains(&Part::Train) && parts.iter().any(|part| *part != Part::Train);
    let exact = || tops.keys().all(|name| exact(name).is_some());
    parts.len() == tops.len() && !tops.is_empty() && (differ || exact())
}

/// Splits that lie in a folder of their own name once more, such as `seg_train/seg_train/`.
fn nested<'a>(tops: &BTreeMap<&'a str, usize>, paths: &[&[&'a str]]) -> HashSet<&'a str> {
    let is_nested = |top: &&&str| {
        let mut below = paths
            .iter()
            .filter(|path| path.len() > 2 && path[0] == **top);
        let again = |path: &&[&str]| path.len() > 3 && part(path[1]) == part(top);
        part(top).is_some() && below.clone().count() > 0 && below.all(again)
    };
    tops.keys().filter(is_nested).copied().collect()
}

/// Whether files lie in folders of classes below that of a split.
fn has_classes(paths: &[&[&str]], wanted: Part) -> bool {
    let mut paths = paths.iter();
    paths.any(|path| path.len() > 2 && part(path[0]) == Some(wanted))
}

/// What a folder is for by its name: a known word, alone or joined with others (`seg_train`, `test set`).
fn part(name: &str) -> Option<Part> {
    let mut parts = name.split(['_', '-', ' ']).filter_map(exact);
    let found = parts.next()?;
    // `train_val` is neither.
    parts.all(|other| other == found).then_some(found)
}

fn exact(name: &str) -> Option<Part> {
    let name = name.to_lowercase();
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, part)| *part)
}

fn names(tops: &BTreeMap<&str, usize>) -> String {
    let names: Vec<String> = tops.keys().map(|name| format!("{name}/")).collect();
    names.join(", ")
}

/// The first file of each class, then the second of each, and so on.
fn in_turn(mut listed: Vec<Listed>, tree: &Tree) -> Vec<Listed> {
    let path = |file: &Listed| &tree.files[file.file].path[..];
    listed.sort_by(|a, b| {
        let class = || as_people_count(&a.class, &b.class);
        let files = || as_people_count(path(a), path(b));
        a.part.cmp(&b.part).then_with(class).then_with(files)
    });
    let mut rank = 0;
    let mut ranked: Vec<(Part, usize, Listed)> = Vec::with_capacity(listed.len());
    for file in listed {
        rank = match ranked.last() {
            Some((part, _, last)) if (*part, &last.class) == (file.part, &file.class) => rank + 1,
            _ => 0,
        };
        ranked.push((file.part, rank, file));
    }
    // Stable, so that classes stay in their order.
    ranked.sort_by_key(|(part, rank, _)| (*part, *rank));
    ranked.into_iter().map(|(_, _, file)| file).collect()
}
