//! The store as its owner sees it: both bodies against a model, crashes everywhere, damage anywhere.

mod conformance;
