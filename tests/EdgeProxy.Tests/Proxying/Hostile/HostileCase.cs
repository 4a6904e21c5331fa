namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>One row of the corpus: what a client sends on one connection, and what must become of it.</summary>
/// <param name="Name">What is wrong with it.</param>
/// <param name="Bytes">Sent as Latin-1.</param>
/// <param name="Response">The statuses that come back, then whether the connection is <c>open</c> or <c>closed</c> after them: <c>400 closed</c>, <c>200 200
/// open</c>. <c>closed</c> alone: cut without a response.</param>
/// <param name="Seen">Every request that the app gets for it: <c>POST /path body</c>. None: the app hears nothing of it.</param>
public sealed record HostileCase(string Name, string Bytes, string Response, params string[] Seen)
{
    /// <summary>The client closes its sending half when it has sent <see cref="Bytes"/>.</summary>
    public bool HalfCloses { get; init; }

    /// <summary>The app may get the beginning of a request whose end never comes.</summary>
    public bool BreaksOff { get; init; }

    /// <summary>Looks at what the app got, further than <see cref="Seen"/> does.</summary>
    public Action<SeenRequest>? Check { get; init; }

    public override string ToString() => Name;
}
