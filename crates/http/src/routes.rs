//! What is offered, one file per group.

mod collections;
pub(crate) mod data;
mod operations;
mod page;
mod repairs;

use crate::route::Route;

/// The tables of all groups, in the order of the documents.
pub(crate) const TABLES: &[&[Route]] =
    &[data::ROUTES, collections::ROUTES, operations::ROUTES, repairs::ROUTES, page::ROUTES];
