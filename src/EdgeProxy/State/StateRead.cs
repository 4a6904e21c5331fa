namespace EdgeProxy.State;

/// <summary>What was read from a state file: a value, or nothing (<see cref="Problem"/> null: there is no such file).</summary>
/// <param name="Value">Null: nothing that can be used.</param>
/// <param name="Problem">Why the file cannot be used, for the log.</param>
internal readonly record struct StateRead<T>(T? Value, string? Problem)
    where T : class;
