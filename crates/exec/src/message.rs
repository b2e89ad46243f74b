//! What the new processes tell the host side, in packets of a fixed form.

use dwell_plan::program::{Block, Program};

/// Which list a failed op stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Setup,
    Entry,
    /// The list of the helper beside the first process.
    Beside,
}

impl Stage {
    /// The list.
    pub(crate) fn block(self, program: &Program) -> Option<&Block> {
        match self {
            Stage::Setup => Some(&program.setup),
            Stage::Entry => Some(&program.entry),
            Stage::Beside => program.aside.as_ref().map(|aside| &aside.list),
        }
    }
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// An op failed; the process ends.
    Failed { stage: Stage, op: u32, errno: i32 },
    /// The process waits for the host side to write id maps.
    AwaitsIdMaps,
    /// The process waits to be put into its control group.
    AwaitsGroup,
    /// Another process goes on with the list; its pid in the sender's pid namespace.
    Successor { pid: i32 },
    /// The master of a terminal comes with this packet.
    Terminal,
    /// The program exited with a code.
    Exited { code: i32, changed: u32 },
    /// A signal ended the program.
    Signaled { signal: i32, changed: u32 },
    /// The program was stopped.
    Stopped,
    /// The program has been started, and has not ended at once.
    Started,
}

/// Packets are this long; a failed exec has the start of the program's file behind it.
pub(crate) const LENGTH: usize = 16;
/// In `changed`: nothing was counted.
pub(crate) const NOT_COUNTED: u32 = u32::MAX;

impl Message {
    pub(crate) fn encode(self) -> [u8; LENGTH] {
        let (tag, a, b, c) = match self {
            Message::Failed { stage, op, errno } => (1, op, errno.cast_unsigned(), stage as u32),
            Message::AwaitsIdMaps => (2, 0, 0, 0),
            Message::Successor { pid } => (3, pid.cast_unsigned(), 0, 0),
            Message::Terminal => (4, 0, 0, 0),
            Message::Exited { code, changed } => (5, code.cast_unsigned(), changed, 0),
            Message::Signaled { signal, changed } => (6, signal.cast_unsigned(), changed, 0),
            Message::Stopped => (7, 0, 0, 0),
            Message::AwaitsGroup => (8, 0, 0, 0),
            Message::Started => (9, 0, 0, 0),
        };
        let mut out = [0; LENGTH];
        for (chunk, word) in out.chunks_exact_mut(4).zip([tag, a, b, c]) {
            chunk.copy_from_slice(&u32::to_ne_bytes(word));
        }
        out
    }

    pub(crate) fn decode(packet: &[u8]) -> Option<Message> {
        let mut words = packet
            .get(..LENGTH)?
            .chunks_exact(4)
            .map(|w| w.try_into().map(u32::from_ne_bytes).unwrap_or_default());
        let mut next = || words.next().unwrap_or_default();
        let (tag, a, b, c) = (next(), next(), next(), next());
        Some(match tag {
            1 => {
                let stages = [Stage::Setup, Stage::Entry, Stage::Beside];
                let stage = *stages.get(c as usize)?;
                Message::Failed { stage, op: a, errno: b.cast_signed() }
            }
            2 => Message::AwaitsIdMaps,
            3 => Message::Successor { pid: a.cast_signed() },
            4 => Message::Terminal,
            5 => Message::Exited { code: a.cast_signed(), changed: b },
            6 => Message::Signaled { signal: a.cast_signed(), changed: b },
            7 => Message::Stopped,
            8 => Message::AwaitsGroup,
            9 => Message::Started,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for message in [
            Message::Failed { stage: Stage::Setup, op: 70_000, errno: 2 },
            Message::Failed { stage: Stage::Entry, op: 0, errno: 13 },
            Message::Failed { stage: Stage::Beside, op: 7, errno: 22 },
            Message::AwaitsIdMaps,
            Message::AwaitsGroup,
            Message::Successor { pid: 4_194_304 },
            Message::Terminal,
            Message::Exited { code: 255, changed: NOT_COUNTED },
            Message::Signaled { signal: 9, changed: 3 },
            Message::Stopped,
            Message::Started,
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
        assert_eq!(Message::decode(b"short"), None);
        assert_eq!(Message::decode(&[0xff; 16]), None);
    }
}
