/**
 * The one type of the WebAssembly API that our own declarations name, for users of the library who have not asked for
 * the DOM's types. Where they have, the two merge.
 */
declare global {
  namespace WebAssembly {
    /** A compiled module: opaque, posted to threads as it is. */
    interface Module {}
  }
}

export {};
