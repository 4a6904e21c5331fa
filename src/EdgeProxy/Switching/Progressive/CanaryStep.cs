namespace EdgeProxy.Switching.Progressive;

/// <summary>A part of the clients that gets the candidate for a time, before the next step or the flip.</summary>
internal sealed class CanaryStep
{
    /// <summary>How many of a hundred clients. Required; from 0.1 to 99, and more than in the step before.</summary>
    public double? Share { get; set; }

    /// <summary>How long. Default 30 s; from 1 s to 24 h.</summary>
    public TimeSpan For { get; set; } = TimeSpan.FromSeconds(30);
}
