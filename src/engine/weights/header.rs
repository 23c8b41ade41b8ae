//! The header of a safetensors file, parsed strictly.
//!
//! Layout: 8 bytes little-endian length n, n bytes of JSON, then the data. The JSON maps each name to
//! `{dtype, shape, data_offsets}`; the tensors must cover the data exactly, without gap or overlap.
//! The `safetensors` crate keeps the last of duplicate keys and allocates before it checks; this parser
//! refuses both. Source: huggingface/safetensors, README "Format".

use std::fmt;
use std::ops::Range;

use safetensors::Dtype;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};

use super::tensor_file::Entry;
use crate::error::{Error, Result};

const LENGTH_BYTES: usize = 8;
const MAX_HEADER: u64 = 100_000_000;
const MAX_TENSORS: usize = 100_000;
const MAX_DIMS: usize = 16;

/// The tensors of a file, sorted by name, their ranges counted from the start of the file.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Entry>> {
    let (header, data_start) = header_text(file)?;
    let data_len = file.len() - data_start;
    let mut parser = serde_json::Deserializer::from_str(header);
    let mut entries = parser
        .deserialize_map(HeaderVisitor { data_len })
        .and_then(|entries| parser.end().map(|()| entries))
        .map_err(|e| bad(format!("the header of the safetensors file is wrong: {e}")))?;
    check_cover(&mut entries, data_len)?;
    for entry in &mut entries {
        entry.range = entry.range.start + data_start..entry.range.end + data_start;
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(bad(format!("the tensor \"{}\" occurs twice in the header", pair[0].name)));
    }
    Ok(entries)
}

fn bad(message: String) -> Error {
    Error::data(message).hint("the file is damaged; download or save it again")
}

fn header_text(file: &[u8]) -> Result<(&str, usize)> {
    let Some(length) = file.first_chunk::<LENGTH_BYTES>() else {
        let message = if file.is_empty() {
            "the safetensors file is empty".to_owned()
        } else {
            format!("the safetensors file has only {} bytes; it begins with 8 bytes of length", file.len())
        };
        return Err(bad(message));
    };
    let length = u64::from_le_bytes(*length);
    if length == 0 {
        return Err(bad("the header of the safetensors file has length 0".to_owned()));
    }
    let rest = (file.len() - LENGTH_BYTES) as u64;
    if length > MAX_HEADER || length > rest {
        if let Some(error) = foreign(file) {
            return Err(error);
        }
        return Err(bad(if length > MAX_HEADER {
            format!("the header claims {length} bytes; more than {MAX_HEADER} are never believed")
        } else {
            format!("the header claims {length} bytes but only {rest} follow")
        }));
    }
    let data_start = LENGTH_BYTES + length as usize;
    let bytes = file.get(LENGTH_BYTES..data_start).unwrap_or_default();
    let text = std::str::from_utf8(bytes).map_err(|e| bad(format!("the header is not UTF-8: {e}")))?;
    Ok((text, data_start))
}

/// What the file is, if it is clearly something else.
fn foreign(file: &[u8]) -> Option<Error> {
    const KINDS: &[(&[u8], &str, &str)] = &[
        (b"PK\x03\x04", "a PyTorch (zip and pickle) file", PICKLE_HINT),
        (b"\x80\x02", "a Python pickle", PICKLE_HINT),
        (b"GGUF", "a GGUF file", "use the original safetensors checkpoint; GGUF weights are usually quantized"),
        (b"version https://git-lfs", "a Git LFS pointer, not the weights", "fetch the weights with: git lfs pull"),
        (b"<!DOCTYPE", "a web page", "download the file itself, not the page about it"),
        (b"<html", "a web page", "download the file itself, not the page about it"),
    ];
    KINDS
        .iter()
        .find(|(magic, _, _)| file.starts_with(magic))
        .map(|(_, what, hint)| Error::data(format!("this is {what}, although its name says safetensors")).hint(*hint))
}

/// How to get safetensors from pickle without running it here.
pub(super) const PICKLE_HINT: &str = "pickle can run code, so it is never opened here; convert it where it is trusted: \
     python -c \"from transformers import AutoModelForCausalLM as M; \
     M.from_pretrained('IN').save_pretrained('OUT', safe_serialization=True)\"";

/// Sorts by position and checks that the tensors cover the data exactly.
fn check_cover(entries: &mut [Entry], data_len: usize) -> Result<()> {
    entries.sort_by_key(|e| (e.range.start, e.range.end));
    let mut end = 0;
    let mut before: Option<&str> = None;
    for entry in entries.iter() {
        if entry.range.start != end {
            let what = if entry.range.start > end { "leaves a gap after" } else { "overlaps" };
            let other = before.map_or_else(|| "the header".to_owned(), |name| format!("\"{name}\""));
            return Err(bad(format!(
                "the tensor \"{}\" begins at byte {} of the data and {what} {other}, which ends at {end}",
                entry.name, entry.range.start
            )));
        }
        end = entry.range.end;
        before = Some(&entry.name);
    }
    if end != data_len {
        return Err(bad(format!("{} bytes follow the last tensor and belong to none", data_len - end)));
    }
    Ok(())
}

struct HeaderVisitor {
    data_len: usize,
}

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that describes tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        let mut has_metadata = false;
        let mut claimed = 0_usize;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(A::Error::custom("__metadata__ occurs twice"));
                }
                map.next_value::<Metadata>()?;
                continue;
            }
            let info: Info = map.next_value()?;
            let entry = info.entry(&name, self.data_len).map_err(A::Error::custom)?;
            // Tensors may not share bytes, so together they cannot claim more than there are. Found here,
            // millions of them on the same bytes cost no memory.
            claimed = claimed.saturating_add(entry.range.len());
            if claimed > self.data_len {
                return Err(A::Error::custom(format!(
                    "the tensors up to \"{name}\" claim {claimed} bytes but the file has {}: some overlap",
                    self.data_len
                )));
            }
            entries.push(entry);
            if entries.len() > MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
        }
        Ok(entries)
    }
}

/// `__metadata__`: texts by name; they are checked and not kept.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("__metadata__ with texts only")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        while map.next_entry::<String, String>()?.is_some() {}
        Ok(Metadata)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Dims,
    data_offsets: (u64, u64),
}

impl Info {
    fn entry(self, name: &str, data_len: usize) -> Result<Entry, String> {
        let in_name = |what: String| format!("tensor \"{name}\": {what}");
        let text: StrDeserializer<'_, ValueError> = self.dtype.as_str().into_deserializer();
        let kind = Dtype::deserialize(text)
            .map_err(|_unknown| in_name(format!("the type \"{}\" is not known", self.dtype)))?;
        let (begin, end) = self.data_offsets;
        if begin > end {
            return Err(in_name(format!("its data begin at {begin}, after their end at {end}")));
        }
        if end > data_len as u64 {
            return Err(in_name(format!("its data end at byte {end} but the file has {data_len}; it is cut short")));
        }
        let shape = self.shape.0;
        let bits = shape
            .iter()
            .try_fold(1_usize, |product, &extent| product.checked_mul(extent))
            .and_then(|elements| elements.checked_mul(kind.bitsize()))
            .ok_or_else(|| in_name(format!("the shape {shape:?} is larger than any memory")))?;
        if bits % 8 != 0 {
            return Err(in_name(format!("{bits} bits of {kind} do not end at a whole byte")));
        }
        if (bits / 8) as u64 != end - begin {
            return Err(in_name(format!(
                "the shape {shape:?} of {kind} needs {} bytes but {} are given",
                bits / 8,
                end - begin
            )));
        }
        Ok(Entry { name: name.to_owned(), kind, shape, range: begin as usize..end as usize })
    }
}

/// Extents of a tensor; few, so that a hostile list is not collected.
struct Dims(Vec<usize>);

impl<'de> Deserialize<'de> for Dims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(DimsVisitor)
    }
}

struct DimsVisitor;

impl<'de> Visitor<'de> for DimsVisitor {
    type Value = Dims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of extents, each a whole number, 0 or more")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dims, A::Error> {
        let mut extents = Vec::new();
        while let Some(extent) = seq.next_element::<usize>()? {
            if extents.len() == MAX_DIMS {
                return Err(A::Error::custom(format!("a shape of more than {MAX_DIMS} extents")));
            }
            extents.push(extent);
        }
        Ok(Dims(extents))
    }
}

/// Bytes `range` of a file, or nothing where it does not reach.
pub(super) fn bytes(file: &[u8], range: Range<usize>) -> &[u8] {
    file.get(range).unwrap_or_default()
}
