namespace EdgeProxy.Proxying;

/// <summary>A request that is forwarded with another path or query than the client's. A feature of requests of routes that may change them.</summary>
internal interface IRewrittenRequest
{
    /// <summary>Path and query to ask for, as they stand on the wire.</summary>
    string Target { get; }

    /// <summary>Whether that is something else than what the client has asked for.</summary>
    bool IsRewritten { get; }

    /// <summary>The key in the metadata of such a route: requests of other routes do not look for the feature.</summary>
    const string RouteMetadata = "EdgeProxy.MayRewrite";
}
