using EdgeProxy.AdminCalls;

namespace EdgeProxy.Api;

/// <summary>The call names an app that is not there.</summary>
internal sealed record UnknownApp : ApiProblem
{
    /// <summary>The names of those that are.</summary>
    public required IReadOnlyList<string> Apps { get; init; }
}
