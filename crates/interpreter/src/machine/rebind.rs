//! A state under other files: elements are found again by their names.

use workflow::{Graph, System};

use super::Machine;
use crate::state::{Delivery, Hold, Whence};

impl Machine {
    /// Moves the state to files that have changed; what was asked for stays as it was asked. Says what is not there any more.
    pub fn rebind(&mut self, system: std::sync::Arc<System>) -> Result<(), String> {
        let graphs: Result<Vec<_>, String> = self
            .state
            .workflows
            .iter()
            .map(|name| {
                system.workflows.get(name).cloned().ok_or_else(|| format!("the workflow `{name}` is gone"))
            })
            .collect();
        let graphs = graphs?;
        let old = std::mem::replace(&mut self.graphs, graphs);
        let moved = |workflow: u16, element: &mut u32| {
            let at = usize::from(workflow);
            *element = found(&old[at], &self.graphs[at], *element)?;
            Ok::<(), String>(())
        };
        let workflows: Vec<Option<u16>> =
            self.state.frames.iter().map(|frame| frame.as_ref().map(|frame| frame.workflow)).collect();
        let of = |frame: u32| workflows[frame as usize].unwrap_or(0);
        for frame in self.state.frames.iter_mut().flatten() {
            // What opened a frame stands where its parent does.
            let around = frame.parent.map_or(frame.workflow, of);
            let Delivery { element, .. } = &mut frame.opener;
            if frame.hold != Hold::Root {
                moved(around, element)?;
            }
            for delivery in &mut frame.stack {
                moved(frame.workflow, &mut delivery.element)?;
            }
            let workflow = frame.workflow;
            frame.counts.retain(|(element, _)| moved(workflow, element).is_ok());
        }
        for flying in &mut self.state.flights {
            if let Whence::Frame(frame, delivery) = &mut flying.whence {
                moved(of(*frame), &mut delivery.element)?;
            }
        }
        self.system = system;
        Ok(())
    }
}

/// The element of the same name and type.
fn found(old: &Graph, new: &Graph, element: u32) -> Result<u32, String> {
    let Some(old_element) = old.elements.get(element as usize) else {
        return Err(format!("the run's state names an element that workflow `{}` never had", old.identifier));
    };
    let same = |new: &workflow::Element| new.name == old_element.name && new.kind == old_element.kind;
    let at = new.elements.iter().position(same).ok_or_else(|| {
        format!(
            "the element `{}` of workflow `{}` is gone, or of another type",
            old_element.name, old.identifier
        )
    })?;
    Ok(at as u32)
}
