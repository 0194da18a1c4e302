import { measure } from "./measure.js";
import { open } from "./transformers.js";

// Tried and no faster: one batch, weights per tensor, Cache Storage, and two threads
measure(() =>
  open({ model: "q8-per-channel", threads: 1, keep: false, longest: 256 }),
);
