import { measure } from "./measure.js";
import { open } from "./transformers.js";

measure(() => open({ model: "q8-per-tensor", runtime: ".asyncify", batch: true }));
