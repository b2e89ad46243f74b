//! One run of one guest: qemu, what it says, and a watch over it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::accel::Accel;
use super::host;

/// A guest to be.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) accel: Accel,
    pub(super) kernel: PathBuf,
    pub(super) initramfs: Option<PathBuf>,
    /// The kernel's command line, without what is added here.
    pub(super) append: String,
    /// Images; the guest's changes to them are thrown away.
    pub(super) disks: Vec<PathBuf>,
    pub(super) cpus: usize,
    /// In MiB.
    pub(super) memory: u64,
    /// For the command, from when the guest is up.
    pub(super) limit: Duration,
    /// Where the console's text goes.
    pub(super) console: PathBuf,
    /// What every line of output begins with.
    pub(super) prefix: String,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The command did, with this exit code.
    Code(u8),
    /// Not in time: the guest was stopped.
    TimedOut,
    /// The guest was not up in time.
    NotUp,
    /// The guest's own start did not succeed, or it ended in the middle.
    Broken(String),
}

/// What a line of the second serial port means.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Output(&'a [u8]),
    Start(&'a str),
    End(u8),
    Broken(&'a str),
}

impl Line<'_> {
    fn parse<'a>(line: &'a [u8], word: &str) -> Line<'a> {
        let text = std::str::from_utf8(line).ok();
        let told = text.and_then(|t| t.strip_prefix(word)).and_then(|t| t.strip_prefix(' '));
        let (what, rest) = told.map_or(("", ""), |t| t.trim().split_once(' ').unwrap_or((t, "")));
        match (what, rest.parse()) {
            ("start", _) => Line::Start(rest),
            ("broken", _) => Line::Broken(rest),
            ("end", Ok(code)) => Line::End(code),
            _ => Line::Output(line),
        }
    }
}

impl Guest {
    /// Runs it; the command's output goes to standard output as it comes.
    pub(super) fn run(&self) -> Result<End> {
        // Nobody can have put this word into a test's output before.
        let word = format!("vm-{:x}-{:x}", std::process::id(), seed()?);
        let mut qemu = self.start(&word)?;
        let out = qemu.stdout.take().context("qemu has no output")?;
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = Vec::new();
            while out.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if send.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let end = self.watch(&word, &lines)?;
        // It may have ended by itself.
        let _ = qemu.kill();
        let status = qemu.wait()?;
        Ok(end.unwrap_or_else(|| End::Broken(self.why(status))))
    }

    /// Passes lines on until the guest has said how its command ended; None when it fell silent.
    fn watch(&self, word: &str, lines: &mpsc::Receiver<Vec<u8>>) -> Result<Option<End>> {
        let began = Instant::now();
        let boot = Duration::from_secs(60) * self.accel.slowness();
        let mut end = began + boot;
        let mut late = End::NotUp;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = match lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Ok(Some(late)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            };
            match Line::parse(&line, word) {
                Line::Output(text) => {
                    let mut out = std::io::stdout().lock();
                    out.write_all(self.prefix.as_bytes())?;
                    out.write_all(text)?;
                    out.flush()?;
                }
                Line::Start(uptime) => {
                    let since = began.elapsed().as_secs_f32();
                    let prefix = &self.prefix;
                    eprintln!("{prefix}the guest is up after {since:.1} s (its clock: {uptime} s)");
                    end = Instant::now() + self.limit;
                    late = End::TimedOut;
                }
                Line::End(code) => return Ok(Some(End::Code(code))),
                Line::Broken(why) => return Ok(Some(End::Broken(why.to_owned()))),
            }
        }
    }

    /// qemu ends when we do, however that happens.
    fn start(&self, word: &str) -> Result<Child> {
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL"]);
        qemu.arg(host::find("qemu-system-x86_64").context("there is no qemu")?);
        qemu.args(self.accel.options());
        qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        qemu.args(["-smp", &self.cpus.to_string(), "-m", &self.memory.to_string()]);
        qemu.arg("-kernel").arg(&self.kernel);
        if let Some(initramfs) = &self.initramfs {
            qemu.arg("-initrd").arg(initramfs);
        }
        // A panic ends the guest (with -no-reboot).
        let append = format!("{} console=ttyS0 panic=-1 quiet vm_word={word}", self.append);
        qemu.args(["-append", &append]);
        if !self.disks.is_empty() {
            qemu.args(["-device", "nvme,id=disks,serial=disks"]);
        }
        for (n, disk) in self.disks.iter().enumerate() {
            let options = "format=raw,cache=unsafe,snapshot=on";
            let drive = format!("if=none,id=disk{n},file={},{options}", disk.display());
            let space = format!("nvme-ns,drive=disk{n},bus=disks,nsid={}", n + 1);
            qemu.args(["-drive", &drive, "-device", &space]);
        }
        let console = format!("file:{}", self.console.display());
        qemu.args(["-serial", &console, "-chardev", "stdio,id=out,signal=off"]);
        qemu.args(["-serial", "chardev:out", "-device", "virtio-rng-pci"]);
        let complaints = File::create(self.console.with_extension("qemu"))?;
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints);
        qemu.spawn().context("cannot run setpriv")
    }

    /// What qemu complained about, or else the end of what the console showed.
    fn why(&self, status: ExitStatus) -> String {
        let read = |file: &Path| fs::read(file).unwrap_or_default();
        let complaints = read(&self.console.with_extension("qemu"));
        let console = read(&self.console);
        let console = String::from_utf8_lossy(&console);
        let tail: Vec<&str> = console.lines().rev().take(25).collect();
        let tail: Vec<&str> = tail.into_iter().rev().map(str::trim_end).collect();
        format!(
            "it ended before its command (qemu: {status})\n{}{}",
            String::from_utf8_lossy(&complaints),
            tail.join("\n")
        )
    }
}

fn seed() -> Result<u64> {
    let Ok(since) = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) else {
        bail!("the clock is before 1970");
    };
    Ok(u64::try_from(since.as_nanos() & u128::from(u64::MAX))?)
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn only_lines_with_the_word_are_ours() {
        assert_eq!(Line::parse(b"vm-1 end 7\n", "vm-1"), Line::End(7));
        assert_eq!(Line::parse(b"vm-1 end 7\r\n", "vm-1"), Line::End(7));
        assert_eq!(Line::parse(b"vm-1 start 9.5\n", "vm-1"), Line::Start("9.5"));
        assert_eq!(Line::parse(b"vm-1 broken no disk\n", "vm-1"), Line::Broken("no disk"));
        for other in
            [&b"vm-2 end 7\n"[..], b" vm-1 end 7\n", b"vm-1 end x\n", b"vm-1end 7", b"\xff"]
        {
            assert_eq!(Line::parse(other, "vm-1"), Line::Output(other));
        }
    }
}
