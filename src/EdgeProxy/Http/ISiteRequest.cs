namespace EdgeProxy.Http;

/// <summary>Where a request was routed to, for those who observe requests. A feature of its <see cref="HttpContext"/>. The names are of the settings.</summary>
internal interface ISiteRequest
{
    string SiteName { get; }

    /// <summary>Null: none of the site's routes takes it.</summary>
    string? RouteName { get; }
}
