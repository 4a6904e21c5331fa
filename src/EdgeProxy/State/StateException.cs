namespace EdgeProxy.State;

/// <summary>Something could not be kept. The message says what and what to do.</summary>
/// <param name="message">For people.</param>
/// <param name="replaced">The file has its new content all the same, but it may not survive a power failure.</param>
/// <param name="inner">What the system said.</param>
internal sealed class StateException(string message, bool replaced = false, Exception? inner = null) : Exception(message, inner)
{
    public bool Replaced { get; } = replaced;
}

/// <summary>Another process works on this state directory. Two front doors on one state would undo each other's switches.</summary>
internal sealed class StateDirectoryInUseException(string directory)
    : Exception($"another EdgeProxy runs on {directory}; stop it, or give this one an EdgeProxy:State:Directory of its own")
{
    public string Directory { get; } = directory;
}
