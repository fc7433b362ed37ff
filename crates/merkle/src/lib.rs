//! An incremental hash tree over key-hash ranges, and the messages by which two trees find where they differ.
