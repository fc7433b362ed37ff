//! What is offered, one file per group.

mod batch;
mod body;
mod collections;
pub(crate) mod data;
pub(crate) mod keys;
mod operations;
mod ordered;
mod page;
mod repairs;

use crate::route::Route;

/// The tables of all groups, in the order of the documents.
pub(crate) const TABLES: &[&[Route]] = &[
    data::ROUTES,
    collections::ROUTES,
    ordered::ROUTES,
    keys::ROUTES,
    batch::ROUTES,
    operations::ROUTES,
    repairs::ROUTES,
    page::ROUTES,
];
