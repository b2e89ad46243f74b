//! Messages of D-Bus as bytes; the D-Bus specification, "Message Protocol".

/// A value, by its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `s`.
    Str(String),
    /// `b`.
    Bool(bool),
    /// `t`.
    U64(u64),
    /// `au`.
    U32s(Vec<u32>),
    /// `ay`.
    Bytes(Vec<u8>),
    /// `a(st)`.
    Rates(Vec<(String, u64)>),
    /// `a(sv)`.
    Properties(Vec<(&'static str, Value)>),
    /// `a(sa(sv))`, of which none.
    NoUnits,
}

impl Value {
    pub(super) fn signature(&self) -> &'static str {
        match self {
            Value::Str(_) => "s",
            Value::Bool(_) => "b",
            Value::U64(_) => "t",
            Value::U32s(_) => "au",
            Value::Bytes(_) => "ay",
            Value::Rates(_) => "a(st)",
            Value::Properties(_) => "a(sv)",
            Value::NoUnits => "a(sa(sv))",
        }
    }
}

/// Kinds of messages.
pub(super) const METHOD_CALL: u8 = 1;
pub(super) const METHOD_RETURN: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const SIGNAL: u8 = 4;

/// Fields of a header.
pub(super) const PATH: u8 = 1;
pub(super) const INTERFACE: u8 = 2;
pub(super) const MEMBER: u8 = 3;
pub(super) const ERROR_NAME: u8 = 4;
pub(super) const REPLY_SERIAL: u8 = 5;
pub(super) const DESTINATION: u8 = 6;
pub(super) const SIGNATURE: u8 = 8;

/// What is in front of every message: a fixed part, and the length of the fields.
pub(super) const FIXED: usize = 16;
/// The specification's limit.
const LONGEST: usize = 128 << 20;

/// Bytes being put together, little-endian; alignment counts from their beginning.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn align(&mut self, to: usize) {
        while !self.0.len().is_multiple_of(to) {
            self.0.push(0);
        }
    }

    pub(super) fn u32(&mut self, n: u32) {
        self.align(4);
        self.0.extend(n.to_le_bytes());
    }

    fn u64(&mut self, n: u64) {
        self.align(8);
        self.0.extend(n.to_le_bytes());
    }

    pub(super) fn str(&mut self, text: &str) {
        self.u32(length(text.len()));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    pub(super) fn signature(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// An array: its length in bytes does not count the padding in front of its first element.
    fn array(&mut self, align: usize, fill: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let place = self.0.len() - 4;
        self.align(align);
        let start = self.0.len();
        fill(self);
        let bytes = length(self.0.len() - start).to_le_bytes();
        for (to, from) in self.0.iter_mut().skip(place).zip(bytes) {
            *to = from;
        }
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Str(text) => self.str(text),
            Value::Bool(on) => self.u32(u32::from(*on)),
            Value::U64(n) => self.u64(*n),
            Value::U32s(list) => self.array(4, |w| list.iter().for_each(|n| w.u32(*n))),
            Value::Bytes(bytes) => self.array(1, |w| w.0.extend(bytes)),
            Value::NoUnits => self.array(8, |_| {}),
            Value::Rates(list) => self.array(8, |w| {
                for (device, rate) in list {
                    w.align(8);
                    w.str(device);
                    w.u64(*rate);
                }
            }),
            Value::Properties(list) => self.array(8, |w| {
                for (name, value) in list {
                    w.align(8);
                    w.str(name);
                    w.signature(value.signature());
                    w.value(value);
                }
            }),
        }
    }
}

fn length(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A field of a header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field<'a> {
    Str(&'a str),
    Path(&'a str),
    /// In answers, which only the peer of the tests writes.
    #[cfg(test)]
    U32(u32),
    Signature(&'a str),
}

/// A whole message.
pub(super) fn message(
    kind: u8,
    serial: u32,
    fields: &[(u8, Field<'_>)],
    arguments: &[Value],
) -> Vec<u8> {
    let mut body = Writer::default();
    arguments.iter().for_each(|value| body.value(value));
    let signature: String = arguments.iter().map(Value::signature).collect();
    let mut out = Writer(vec![b'l', kind, 0, 1]);
    out.u32(length(body.0.len()));
    out.u32(serial);
    out.array(8, |w| {
        let signed = (!signature.is_empty()).then_some((SIGNATURE, Field::Signature(&signature)));
        for (code, field) in fields.iter().copied().chain(signed) {
            w.align(8);
            w.0.push(code);
            match field {
                Field::Str(text) => {
                    w.signature("s");
                    w.str(text);
                }
                Field::Path(text) => {
                    w.signature("o");
                    w.str(text);
                }
                #[cfg(test)]
                Field::U32(n) => {
                    w.signature("u");
                    w.u32(n);
                }
                Field::Signature(text) => {
                    w.signature("g");
                    w.signature(text);
                }
            }
        }
    });
    out.align(8);
    out.0.extend(body.0);
    out.0
}

/// A message that was received, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) kind: u8,
    pub(super) serial: u32,
    pub(super) reply_to: Option<u32>,
    pub(super) member: String,
    pub(super) interface: String,
    pub(super) error: String,
    pub(super) signature: String,
    pub(super) body: Vec<u8>,
}

/// How long the rest of a message is whose fixed part this is; none for what is no message.
pub(super) fn rest_of(fixed: &[u8; FIXED]) -> Option<usize> {
    if fixed.first() != Some(&b'l') || fixed.get(3) != Some(&1) {
        return None;
    }
    let mut reader = Reader { bytes: fixed, at: 4 };
    let body = reader.u32()? as usize;
    reader.u32()?;
    let fields = reader.u32()? as usize;
    let rest = fields.checked_next_multiple_of(8)?.checked_add(body)?;
    (rest <= LONGEST).then_some(rest)
}

/// Reads a whole message.
pub(super) fn parse(bytes: &[u8]) -> Option<Received> {
    let mut reader = Reader { bytes, at: 4 };
    let mut received = Received { kind: *bytes.get(1)?, ..Received::default() };
    let body = reader.u32()? as usize;
    received.serial = reader.u32()?;
    let end = reader.u32()? as usize + FIXED;
    while reader.at < end {
        reader.align(8);
        let code = reader.byte()?;
        let kind = reader.signature()?;
        let text = match kind.as_str() {
            "s" | "o" => reader.str()?,
            "g" => reader.signature()?,
            "u" => {
                let n = reader.u32()?;
                if code == REPLY_SERIAL {
                    received.reply_to = Some(n);
                }
                continue;
            }
            // No field of another type is known.
            _ => return None,
        };
        match code {
            INTERFACE => received.interface = text,
            MEMBER => received.member = text,
            ERROR_NAME => received.error = text,
            SIGNATURE => received.signature = text,
            _ => {}
        }
    }
    reader.align(8);
    received.body = bytes.get(reader.at..reader.at.checked_add(body)?)?.to_vec();
    Some(received)
}

impl Received {
    /// The first argument, if it is a string or a path.
    pub(super) fn first_string(&self) -> Option<String> {
        let mut reader = Reader { bytes: &self.body, at: 0 };
        self.signature.starts_with(['s', 'o']).then(|| reader.str()).flatten()
    }

    /// `JobRemoved(u id, o job, s unit, s result)`: the job and its result.
    pub(super) fn removed_job(&self) -> Option<(String, String)> {
        if (self.kind, self.member.as_str(), self.signature.as_str())
            != (SIGNAL, "JobRemoved", "uoss")
        {
            return None;
        }
        let mut reader = Reader { bytes: &self.body, at: 0 };
        reader.u32()?;
        let job = reader.str()?;
        reader.str()?;
        Some((job, reader.str()?))
    }
}

#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.align(4);
        let bytes = self.bytes.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn text(&mut self, length: usize) -> Option<String> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        // And the NUL.
        self.at += length + 1;
        String::from_utf8(bytes.to_vec()).ok()
    }

    pub(super) fn str(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        self.text(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        self.text(length)
    }
}
