//! A Plan that cannot be carried out: one sentence, and where one is known the remedy.

use std::fmt;

/// Why a Plan is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The sentence, without a full stop.
    pub sentence: String,
    /// An option, command or setting that helps.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a known remedy.
    pub fn new(sentence: impl Into<String>) -> Self {
        Refusal { sentence: sentence.into(), hint: None }
    }

    /// A refusal with a remedy.
    pub fn with_hint(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal { sentence: sentence.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}
