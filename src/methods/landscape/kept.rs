//! Results that are computed once and kept, for work that is not a list of items.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::methods::Context;

/// What an interrupted run kept under `stage`, or the outcome of `compute`, which is kept.
pub(super) fn once<T, F>(cx: &mut Context<'_>, stage: &str, compute: F) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: FnOnce(&mut Context<'_>) -> Result<T>,
{
    let name = format!("{}/{stage}", cx.step);
    if let Some(record) = cx.host.restore(&name, 0)?
        && let Ok(kept) = postcard::from_bytes(&record)
    {
        return Ok(kept);
    }
    let fresh = compute(cx)?;
    let record =
        postcard::to_stdvec(&fresh).map_err(|e| Error::bug(format!("{stage}: a result cannot be kept: {e}")))?;
    cx.host.keep(&name, &record)?;
    Ok(fresh)
}
