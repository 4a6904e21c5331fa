namespace EdgeProxy.Http;

/// <summary>Where a request was routed to, for observers of requests. A feature of its <see cref="HttpContext"/>. The names are of the settings.</summary>
internal interface ISiteRequest
{
    string SiteName { get; }

    /// <summary>Null: none of the site's routes takes it.</summary>
    string? RouteName { get; }

    /// <summary>The response is an error of EdgeProxy itself: whatever the site says of caching is not said of it.</summary>
    /// <param name="page">Null: EdgeProxy's own.</param>
    void RespondsWithError(ErrorPage? page);
}
