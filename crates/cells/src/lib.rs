//! The dotted cell, the one function that changes it, and the data types as views over it.
