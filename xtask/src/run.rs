//! Runs steps in turn, times them, and stops at the first that fails.

use std::time::Instant;

use crate::{
    context::Context,
    cpu,
    failure::{Failure, Result},
    report::{self, Row, Style},
    steps::Step,
};

/// Runs the steps in this order and prints the table of their times, also when one has failed.
///
/// # Errors
/// The first failure, with the step's name and the command that repeats it alone.
pub(crate) fn all(context: &Context, steps: &[Step], style: Style) -> Result<()> {
    let start = Instant::now();
    let mut rows = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if index > 0 {
            println!();
        }
        println!("{}", report::heading(index + 1, steps.len(), step.name(), step.what(), style));
        let (begun, cpu) = (Instant::now(), cpu::of_children());
        let outcome = step.run(context);
        let (note, failure) = match outcome {
            Ok(note) => (note, None),
            Err(failure) => (Some("failed".to_owned()), Some(failure)),
        };
        let cpu = cpu::of_children().zip(cpu).map(|(now, before)| now.saturating_sub(before));
        rows.push(Row { name: step.name().to_owned(), took: begun.elapsed(), cpu, note });
        if let Some(failure) = failure {
            print!("\n{}", report::table(&rows));
            return Err(Failure::new(format!(
                "step {} of {} ({}) failed: {failure}; repeat it alone with `{}`",
                index + 1,
                steps.len(),
                step.name(),
                step.repeat(),
            )));
        }
    }
    print!("\n{}", report::table(&rows));
    println!("{}", report::success_line(steps.len(), start.elapsed(), style));
    Ok(())
}
