using System.Globalization;

namespace EdgeProxy.Switching.Progressive;

/// <summary>What is compared.</summary>
internal enum JudgedFigure
{
    /// <summary>The ratio of 5xx, 0 to 1.</summary>
    Errors,

    /// <summary>What 95 % of ordinary requests took less than, in seconds, until their response began.</summary>
    P95,

    /// <summary>What 99 % of them did.</summary>
    P99,

    /// <summary>Connections of clients that the slot did not accept.</summary>
    Refused,
}

/// <summary>A figure of the candidate that is worse than it may be.</summary>
/// <param name="Figure">Which.</param>
/// <param name="Candidate">Of the candidate.</param>
/// <param name="Reference">Of the slot that it is to replace.</param>
/// <param name="CandidateRequests">How many requests of the candidate that is about.</param>
/// <param name="ReferenceRequests">How many of the other slot.</param>
/// <param name="Chance">How likely mere chance makes such a difference.</param>
internal sealed record Finding(
    JudgedFigure Figure, double Candidate, double Reference, long CandidateRequests, long ReferenceRequests, double Chance);

/// <summary>Why a switch went back: as <see cref="Finding"/>, for the admin API and the history.</summary>
internal sealed record Judgement
{
    public required JudgedFigure Figure { get; init; }

    /// <summary>The figure of the candidate, in the unit of its <see cref="JudgedFigure"/>.</summary>
    public required double Candidate { get; init; }

    public required double Reference { get; init; }

    public required long CandidateRequests { get; init; }

    public required long ReferenceRequests { get; init; }

    /// <summary>The other slot's figures are of the same time; otherwise of the hour before.</summary>
    public required bool AtTheSameTime { get; init; }

    /// <summary>How likely mere chance makes such a difference; null: the rule does not ask (<c>Switch:MaxErrorRatio</c>, refused connections).</summary>
    public double? Chance { get; init; }

    /// <summary>The three paths with most of the bad requests, the worst first; segments with a digit are <c>*</c>.</summary>
    public IReadOnlyList<JudgedPath> Paths { get; init; } = [];

    /// <summary>The paths in words, to stand behind what was found.</summary>
    internal string PathWords =>
        Paths.Count == 0 ? "" : $"; worst paths: {string.Join(", ", Paths.Select(path => path.Words))}";
}

/// <summary>A path with bad requests.</summary>
/// <param name="Path">Its pattern.</param>
/// <param name="Requests">How many: with a 5xx, or slow ones.</param>
internal sealed record JudgedPath(string Path, long Requests)
{
    internal string Words => string.Create(CultureInfo.InvariantCulture, $"{Path} ({Requests})");
}
