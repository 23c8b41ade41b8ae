//! The one error type. Its variants name who has to act.

use std::fmt;
use std::path::{Path, PathBuf};

/// What went wrong, and who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user stopped the work.
    #[error("cancelled")]
    Cancelled,
    /// A field of an experiment or an option is wrong: the user edits it.
    #[error("{0}")]
    Config(Fault),
    /// A file is damaged, missing or of the wrong kind.
    #[error("{0}")]
    Data(Fault),
    /// A device, its driver or its memory refuses.
    #[error("{0}")]
    Device(Fault),
    /// An invariant of this program is violated: ours to mend.
    #[error("{0} (this is a bug in Memoscope; please report it)")]
    Bug(Fault),
}

/// Message, remedy and place of an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What failed, with names and values.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file concerned; printed last so that long paths do not hide the message.
    pub path: Option<PathBuf>,
    /// Whether less work at a time may help.
    pub is_out_of_memory: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        if let Some(path) = &self.path {
            write!(f, "\n  file: {}", path.display())?;
        }
        Ok(())
    }
}

impl Error {
    /// A wrong option or field.
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config(Fault { message: message.into(), ..Fault::default() })
    }

    /// A damaged, missing or unsuitable file.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data(Fault { message: message.into(), ..Fault::default() })
    }

    /// A device that refuses.
    pub fn device(message: impl Into<String>) -> Self {
        Self::Device(Fault { message: message.into(), ..Fault::default() })
    }

    /// A device without enough memory.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self::Device(Fault { message: message.into(), is_out_of_memory: true, ..Fault::default() })
    }

    /// Whether less work at a time may help.
    pub fn is_out_of_memory(&self) -> bool {
        self.fault().is_some_and(|fault| fault.is_out_of_memory)
    }

    /// A violated invariant.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::Bug(Fault { message: message.into(), ..Fault::default() })
    }

    /// An operating system error on `path`; `doing` is a verb phrase such as "reading".
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => Some("check the path; nothing is there".to_owned()),
            std::io::ErrorKind::PermissionDenied => Some("check the permissions of the file and its folder".to_owned()),
            std::io::ErrorKind::StorageFull => {
                Some("free some space on this disk; a run then goes on with `memoscope resume`".to_owned())
            }
            std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("nothing can be written there; choose another folder".to_owned())
            }
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
                Some("a file is where a folder is needed; choose another path".to_owned())
            }
            _ => None,
        };
        Self::Data(Fault {
            message: format!("{doing} failed: {error}"),
            hint,
            path: Some(path.to_owned()),
            ..Fault::default()
        })
    }

    /// The same as a fault of what the user wrote, not of data; with this hint where there is none.
    #[must_use]
    pub fn into_config(self, hint: &str) -> Self {
        match self {
            Self::Data(fault) => {
                let hint = fault.hint.clone().or_else(|| Some(hint.to_owned()));
                Self::Config(Fault { hint, ..fault })
            }
            other => other,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(fault) = self.fault_mut() {
            fault.hint = Some(hint.into());
        }
        self
    }

    /// Names the file concerned, unless one is named already.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        if let Some(fault) = self.fault_mut() {
            fault.path.get_or_insert_with(|| path.to_owned());
        }
        self
    }

    /// Puts `context` and a colon before the message.
    #[must_use]
    pub fn context(mut self, context: &str) -> Self {
        if let Some(fault) = self.fault_mut() {
            fault.message = format!("{context}: {}", fault.message);
        }
        self
    }

    /// Message, hint and path; none for a cancellation.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Cancelled => None,
            Self::Config(fault) | Self::Data(fault) | Self::Device(fault) | Self::Bug(fault) => Some(fault),
        }
    }

    fn fault_mut(&mut self) -> Option<&mut Fault> {
        match self {
            Self::Cancelled => None,
            Self::Config(fault) | Self::Data(fault) | Self::Device(fault) | Self::Bug(fault) => Some(fault),
        }
    }

    /// The exit code of the program: 1 failed, 2 usage or configuration, 3 device, 130 cancelled.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Cancelled => 130,
            Self::Config(_) => 2,
            Self::Device(_) => 3,
            Self::Data(_) | Self::Bug(_) => 1,
        }
    }
}

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_last_and_the_first_one_stays() {
        let error = Error::data("header is cut").hint("download it again").at(Path::new("a")).at(Path::new("b"));
        assert_eq!(error.to_string(), "header is cut\n  hint: download it again\n  file: a");
        assert_eq!(error.exit_code(), 1);
    }
}
