//! The header of a safetensors file with its metadata in one order: the crate writes a hash map,
//! and the same weights should be the same bytes.

use std::collections::BTreeMap;

/// What a header begins with, after the eight bytes of its length.
const METADATA: &[u8] = br#"{"__metadata__":"#;
const LENGTH: usize = 8;

/// The file with the entries of its metadata sorted by their names.
pub fn in_order(mut file: Vec<u8>) -> Vec<u8> {
    let start = LENGTH + METADATA.len();
    let begins = file.get(LENGTH..start) == Some(METADATA);
    let entries = file.get(start..).filter(|_| begins).unwrap_or_default();
    let mut values =
        serde_json::Deserializer::from_slice(entries).into_iter::<BTreeMap<String, String>>();
    let Some(Ok(sorted)) = values.next() else {
        return file;
    };
    let length = values.byte_offset();
    match serde_json::to_vec(&sorted) {
        Ok(text) if text.len() == length => {
            file[start..start + length].copy_from_slice(&text);
            file
        }
        _ => file,
    }
}
