//! What holds for messages of D-Bus.

use super::wire::{self, FIXED, Field, INTERFACE, MEMBER, SIGNAL, Value};

pub(crate) fn message(bytes: &[u8]) {
    let Some(received) = wire::parse(bytes) else { return };
    assert!(received.body.len() <= bytes.len());
    let texts = [&received.member, &received.interface, &received.error, &received.signature];
    assert!(texts.iter().all(|text| text.len() <= bytes.len()));
    if let Some(first) = received.first_string() {
        assert!(first.len() < received.body.len());
    }
    let _ = received.removed_job();
}

/// A message that does not fit into memory is refused before anything is read of it.
pub(crate) fn rest(bytes: &[u8]) {
    if let Some(Ok(fixed)) = bytes.get(..FIXED).map(<&[u8; FIXED]>::try_from) {
        assert!(wire::rest_of(fixed).is_none_or(|rest| rest <= 128 << 20));
    }
}

/// What is written is read again.
pub(crate) fn message_of(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    let number = u32::try_from(bytes.len()).unwrap_or(0);
    let fields = [(INTERFACE, Field::Str(&text)), (MEMBER, Field::Str("JobRemoved"))];
    let arguments = [Value::Str(text.clone()), Value::U64(7), Value::Bytes(bytes.to_vec())];
    let written = wire::message(SIGNAL, number, &fields, &arguments);
    let fixed = written.get(..FIXED).and_then(|fixed| fixed.try_into().ok()).expect("a header");
    assert_eq!(wire::rest_of(fixed), Some(written.len() - FIXED));
    let read = wire::parse(&written).expect("what was written");
    assert_eq!((read.kind, read.serial), (SIGNAL, number));
    assert_eq!((read.interface.as_str(), read.member.as_str()), (text.as_str(), "JobRemoved"));
    assert_eq!(read.signature, "stay");
    assert_eq!(read.first_string(), Some(text));
}
