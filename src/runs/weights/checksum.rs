//! What tells a damaged safetensors file: a sum over all that it holds.

use std::collections::HashMap;

use safetensors::{SafeTensorError, SafeTensors};
use sha2::{Digest, Sha256};

use super::hexadecimal;

/// Where the sum stands in the metadata.
const KEY: &str = "sha256";

/// Adds the sum to the metadata of a file that holds these tensors.
pub fn add<'a>(
    metadata: &mut HashMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
) {
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_unstable();
    let sum = sum(metadata, tensors.into_iter());
    metadata.insert(KEY.into(), sum);
}

/// Whether the sum is that of the file; `None` where it has none.
///
/// # Errors
/// Tensors that cannot be read.
pub fn fits(
    metadata: &HashMap<String, String>,
    file: &SafeTensors<'_>,
) -> Result<Option<bool>, SafeTensorError> {
    let Some(written) = metadata.get(KEY) else {
        return Ok(None);
    };
    let mut names = file.names();
    names.sort();
    let views = names
        .iter()
        .map(|name| file.tensor(name).map(|view| (*name, view)))
        .collect::<Result<Vec<_>, _>>()?;
    let tensors = views.iter().map(|(name, view)| (*name, view.data()));
    Ok(Some(*written == sum(metadata, tensors)))
}

/// Over the metadata, then the tensors, both sorted by name.
fn sum<'a>(
    metadata: &HashMap<String, String>,
    tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let mut entries: Vec<_> = metadata.iter().filter(|(key, _)| *key != KEY).collect();
    entries.sort();
    for (key, value) in entries {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    for (name, bytes) in tensors {
        add(name.as_bytes());
        add(bytes);
    }
    hexadecimal(&hash.finalize())
}
