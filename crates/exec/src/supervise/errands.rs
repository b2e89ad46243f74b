//! What the first process waits for while it builds the world, or ends.

use super::Supervisor;
use crate::failure::Failure;
use crate::host::go_on;
use crate::idmaps::Helpers;

/// What the host side does while the first process waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    IdMaps,
    Group,
    TakeStock,
    TidyUp,
}

impl Supervisor<'_> {
    pub(super) fn answer(
        &mut self,
        what: Errand,
        errand: &mut impl FnMut(Errand, i32) -> Result<Option<Helpers>, Failure>,
    ) {
        let Some((pid, _)) = &self.process else { return };
        if self.number_is_free && matches!(what, Errand::IdMaps | Errand::Group) {
            return;
        }
        match errand(what, *pid) {
            Ok(Some(helpers)) => self.mapping = Some(helpers),
            done => self.go_on_after(done.map(drop)),
        }
    }

    /// What the first process has waited for is done, or cannot be.
    fn go_on_after(&mut self, done: Result<(), Failure>) {
        if let Err(failure) = done.and_then(|()| self.control.as_ref().map_or(Ok(()), go_on)) {
            self.failed = Some(failure);
            self.kill();
        }
    }

    pub(super) fn helper_ended(&mut self) {
        if let Some(helpers) = self.mapping.take_if(Helpers::have_ended) {
            self.go_on_after(helpers.end().map_err(Failure::from));
        }
    }
}
