// What every contender's page does: open the model, then answer the harness's calls.

const FIRST = "A man is eating pasta.";

/**
 * Opens a contender and notes when its first vector is there, counted from navigation.
 *
 * `open()` gives {encode(text), encodeAll(texts), ids(text)}, each async.
 */
export function measure(open) {
  let model;
  window.first = (async () => {
    model = await open();
    await model.encode(FIRST);
    return performance.now();
  })();

  /** Returns the ms that each query takes, one after the other. */
  window.latencies = async (queries) => {
    const times = [];
    for (const query of queries) {
      const start = performance.now();
      await model.encode(query);
      times.push(performance.now() - start);
    }
    return times;
  };

  /** Returns the ms for all texts together. */
  window.together = async (texts) => {
    const start = performance.now();
    await model.encodeAll(texts);
    return performance.now() - start;
  };

  /** Returns {vector, ids} of each text. */
  window.quality = async (texts) => {
    const found = [];
    for (const text of texts)
      found.push({
        vector: Array.from(await model.encode(text)),
        ids: await model.ids(text),
      });
    return found;
  };
}
